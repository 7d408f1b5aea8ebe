// The worker, as seen from here. Addresses are relative, so the board also works under a proxy's path.

const TIMEOUT = 15_000;

/** Browser's clock → worker's clock, in milliseconds: an office computer may be minutes wrong. */
export let skew = 0;

export class ApiError extends Error {}

/** A proxy in front of the worker wants a log-in first: trying again does not help. */
export class LoggedOut extends ApiError {}

async function get(path) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT);
  try {
    const response = await fetch(new URL(path, document.baseURI), { signal: abort.signal, cache: "no-store", redirect: "manual" });
    // The worker itself answers so never. A proxy does: 401, 403, or by sending one to its page.
    if (response.type === "opaqueredirect" || response.status === 401 || response.status === 403) throw new LoggedOut("logged out");
    const date = Date.parse(response.headers.get("Date") ?? "");
    // The header has whole seconds: less than two of difference are none.
    if (!Number.isNaN(date)) skew = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
    let body = null;
    try {
      body = await response.json();
    } catch (error) {
      if (abort.signal.aborted) throw error;
    }
    return { status: response.status, body };
  } catch (error) {
    if (error instanceof LoggedOut) throw error;
    throw new ApiError(abort.signal.aborted ? "timeout" : "no answer");
  } finally {
    clearTimeout(timer);
  }
}

/** Rows of a `bi_*` view. */
export async function view(name, parameters = {}) {
  const { status, body } = await get(`api/views/${name}?${new URLSearchParams(parameters)}`);
  if (status === 200 && Array.isArray(body)) return body;
  throw new ApiError(body?.error ?? `HTTP ${status}`);
}

/** `{ready, lag, idle, clock, now, lead_hours}`; not being ready is an answer, not an error. */
export async function readiness() {
  const { status, body } = await get("readyz");
  if (body && typeof body.ready === "boolean") return body;
  throw new ApiError(`HTTP ${status}`);
}

/**
 * Listen to events for ever: `heard(kind, data)`, `opened()`, `closed()`. A browser reconnects a broken stream by
 * itself, but gives up when a proxy answers for a worker that is away: then this does. A page that nobody sees does not
 * listen: a browser has six connections to a worker, and boards in six tabs would leave none to ask anything by.
 */
export function listen(kinds, { heard, opened, closed }) {
  let wait = 1000;
  let source = null;
  let timer = null;
  const connect = () => {
    source = new EventSource(new URL("api/stream", document.baseURI));
    source.onopen = () => {
      wait = 1000;
      opened();
    };
    source.onerror = () => {
      closed();
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(connect, wait);
      wait = Math.min(wait * 2, 15_000);
    };
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => {
        let data = null;
        try {
          data = JSON.parse(event.data);
        } catch {
          // The views are read again anyway.
        }
        heard(kind, data ?? {});
      });
    }
  };
  const rest = () => {
    clearTimeout(timer);
    source?.close();
    closed();
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : connect()));
  if (document.hidden) rest();
  else connect();
}
