import { codeOf, type LocalCode } from "./refusals.ts";
import type { ErrorCode } from "../wire/types.gen.ts";

/** The few things that are asked over HTTP rather than over the socket. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(readonly code: ErrorCode | LocalCode) {
    super(code);
  }
}

export interface Caller {
  readonly base: string;
  readonly csrf: string;
  /** For a tab that joined as another person: it then speaks for that identity. */
  readonly token: string | null;
}

/** What proves to the server who asks, and that it is a page of ours. */
export function proofOf({ csrf, token }: Caller): Record<string, string> {
  return token === null ? { "X-Moim-CSRF": csrf } : { Authorization: `Bearer ${token}` };
}

/** @throws ApiError with the server's code, `offline` when it cannot be reached. */
export async function post<T>(caller: Caller, path: string, body?: Blob): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json", ...proofOf(caller) };
  if (body) headers["Content-Type"] = body.type || "application/octet-stream";
  let answer: Response;
  try {
    answer = await fetch(`${caller.base}${path}`, { method: "POST", headers, body: body ?? null });
  } catch {
    throw new ApiError("offline");
  }
  const said: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw refusedBy(said);
  return said as T;
}

/** Uploads a file and tells how far it is; `fetch` cannot. @throws ApiError */
export function upload<T>(
  caller: Caller,
  path: string,
  file: Blob,
  onprogress: (part: number) => void,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${caller.base}${path}`);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(proofOf(caller))) {
      request.setRequestHeader(name, value);
    }
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onprogress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response as T);
      else reject(refusedBy(request.response));
    };
    request.onerror = () => reject(new ApiError("offline"));
    request.onabort = () => reject(new ApiError("unknown"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

function refusedBy(said: unknown): ApiError {
  const error =
    typeof said === "object" && said !== null && "error" in said ? said.error : undefined;
  return new ApiError(codeOf(error));
}
