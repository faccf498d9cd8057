import * as m from "../../paraglide/messages.js";

/** The emojis to choose from, with the words that a screen reader says. The server takes any. */
export const EMOJIS: readonly { readonly emoji: string; readonly label: () => string }[] = [
  { emoji: "👍", label: m.emoji_thumb },
  { emoji: "❤️", label: m.emoji_heart },
  { emoji: "😂", label: m.emoji_laugh },
  { emoji: "🎉", label: m.emoji_party },
  { emoji: "😮", label: m.emoji_wow },
  { emoji: "😢", label: m.emoji_sad },
  { emoji: "🙏", label: m.emoji_thanks },
  { emoji: "👀", label: m.emoji_eyes },
];

export interface Reacted {
  readonly emoji: string;
  readonly who: readonly string[];
}

/** Who reacted with what: the emojis of the list in its order, then others. */
export function byEmoji(reactions: Readonly<Record<string, string>>): Reacted[] {
  const order = EMOJIS.map(({ emoji }) => emoji);
  const kinds = [...new Set(Object.values(reactions))];
  const place = (emoji: string): number => {
    const at = order.indexOf(emoji);
    return at < 0 ? order.length : at;
  };
  return kinds
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
    .map((emoji) => ({
      emoji,
      who: Object.keys(reactions).filter((identity) => reactions[identity] === emoji),
    }));
}
