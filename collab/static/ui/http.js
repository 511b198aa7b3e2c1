/** Requests to Collab's own HTTP API, whose errors are sentences for people. */

/** What the server (or the lack of one) answered instead of what was asked for. */
export class RequestFailed extends Error {
  /**
   * @param {string} code the server's error code, or "unreachable"
   * @param {string} sentence what to show
   */
  constructor(code, sentence) {
    super(sentence);
    this.name = "RequestFailed";
    this.code = code;
  }
}

/**
 * The JSON answer (null when there is none). Throws `RequestFailed` for everything else.
 * @param {string} path beginning with the base path
 * @param {{method?: string, body?: unknown, signal?: AbortSignal}} [how]
 */
export async function request(path, { method = "GET", body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestFailed("unreachable", "The server can’t be reached just now. Try again in a moment.");
  }
  const text = await response.text();
  let answer = null;
  try {
    if (text) answer = JSON.parse(text);
  } catch {
    // A proxy in between answers with pages of its own: the status below has to do.
  }
  if (response.ok) return answer;
  throw new RequestFailed(
    answer?.error?.code ?? `http_${response.status}`,
    answer?.error?.message ?? `The server answered with an error (${response.status}). Try again in a moment.`,
  );
}
