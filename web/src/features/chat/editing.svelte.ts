import type { ChatMessage } from "../../wire/types.gen.ts";

/** One's own message that is being said differently: kept while the panel is closed. */
export class Editing {
  message = $state.raw<ChatMessage | null>(null);
  text = $state("");

  begin(message: ChatMessage): void {
    this.message = message;
    this.text = message.text;
  }

  end(): void {
    this.message = null;
    this.text = "";
  }

  /** A message is gone. What was written for it is given back, when it is more than that was. */
  forget(seq: number): string | null {
    const { message, text } = this;
    if (message?.seq !== seq) return null;
    this.end();
    return text.trim() === message.text.trim() ? null : text;
  }
}
