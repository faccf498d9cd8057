import type { Listed } from "./session";

/** Who else is on the room's list, and what each of them is called on the SFU. */
export class Roster {
  private readonly listed = new Map<string, Listed>();
  /** What somebody is called on the SFU, to what they are called in the room. */
  private readonly names = new Map<string, string>();

  /** Whether they were not on it before. */
  put(listed: Listed): boolean {
    const isNew = !this.listed.has(listed.identity);
    this.listed.set(listed.identity, listed);
    this.names.set(listed.livekit ?? listed.identity, listed.identity);
    return isNew;
  }

  remove(identity: string): void {
    this.names.delete(this.calledOf(identity));
    this.listed.delete(identity);
  }

  has(identity: string): boolean {
    return this.listed.has(identity);
  }

  identities(): readonly string[] {
    return [...this.listed.keys()];
  }

  /** Of who is not listed it is empty. */
  sidOf(identity: string): string {
    return this.listed.get(identity)?.sid ?? "";
  }

  /** Came with a LiveKit client, which does not speak our language. */
  isVisitor(identity: string): boolean {
    return Boolean(this.listed.get(identity)?.livekit);
  }

  calledOf(identity: string): string {
    return this.listed.get(identity)?.livekit ?? identity;
  }

  nameOf(called: string): string {
    return this.names.get(called) ?? called;
  }
}
