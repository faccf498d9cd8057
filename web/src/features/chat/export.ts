import { ApiError, type Caller } from "../../app/api.ts";
import { download } from "../../app/download.ts";
import { codeOf } from "../../app/refusals.ts";

/**
 * Saves what was said in the room as a file. A tab that joined as another person cannot simply
 * follow the link: its identity is in no cookie.
 * @throws ApiError
 */
export async function exportChat(
  caller: Caller,
  slug: string,
  ending: "json" | "md",
): Promise<void> {
  const href = `${caller.base}/r/${encodeURIComponent(slug)}/chat.${ending}`;
  const headers: Record<string, string> = { Accept: "application/json" };
  if (caller.token !== null) headers["Authorization"] = `Bearer ${caller.token}`;
  let answer: Response;
  try {
    answer = await fetch(href, { headers });
  } catch {
    throw new ApiError("offline");
  }
  if (!answer.ok) {
    const said = (await answer.json().catch(() => null)) as { error?: unknown } | null;
    throw new ApiError(codeOf(said?.error));
  }
  download(await answer.blob(), `${slug}.${ending}`);
}
