/** A question over the call with two answers, or one line to fill in. One at a time. */
export interface Question {
  readonly title: string;
  readonly text?: string;
  readonly yes: string;
  readonly danger?: boolean;
  /** Given for a line to fill in. */
  readonly value?: string;
  readonly label?: string;
  readonly limit?: number;
  readonly answered: (value: string) => void;
}

export class Questions {
  current = $state.raw<Question | null>(null);

  ask(question: Question): void {
    this.current = question;
  }
}
