// Asking the server that the page came from. The token of its launch stands behind # in the address, which is not sent.

const KEY = "hubel-studio-token";
const AGAIN = 1500; // ms between tries to reach a server that is gone

let waiting = null; // {done, promise}: for a token
let isGiven = false; // one by hand, of which nothing was answered yet
taken();
addEventListener("hashchange", taken); // an address that was printed anew, opened in this tab

/** Know the token that the address has, and take it out of there. */
function taken() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has("token")) return;
  const token = given.get("token");
  given.delete("token");
  history.replaceState(history.state, "", `${location.pathname}#${given}`);
  if (waiting) waiting.done(token);
  else remember(token);
}

/** Know the token from here on, in this tab. */
export function remember(token) {
  sessionStorage.setItem(KEY, token.trim());
}

function bearer() {
  return { Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}` };
}

/** A file that lies beside the page. */
export function file(place) {
  return fetch(place, { headers: bearer() });
}

/** The answer to a question, waited for while the server is gone. Tells the page of that with the event "asking".
 * signal: ends it, here and there. */
export async function ask(question, values = {}, signal = null) {
  for (;;) {
    try {
      const found = await fetch(`ask/${question}`, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...bearer() },
        body: JSON.stringify(values),
        signal,
      });
      const told = await found.json();
      if (found.ok) {
        isGiven = false;
        tell("answered");
        return told;
      }
      if (told.reason !== "token") throw Object.assign(Error(told.error), { refused: true });
      await token();
    } catch (error) {
      if (error.refused || signal?.aborted) throw error;
      tell("lost");
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }
}

/** Wait until somebody gives the token of the server that runs now. */
function token() {
  if (waiting) return waiting.promise;
  waiting = {};
  waiting.promise = new Promise((done) => {
    waiting.done = (value) => {
      remember(value);
      waiting = null;
      done();
    };
    const take = (value) => {
      isGiven = true;
      waiting?.done(value);
    };
    tell("token", Object.assign(take, { isWrong: isGiven }));
  });
  return waiting.promise;
}

function tell(state, answer = null) {
  document.dispatchEvent(new CustomEvent("asking", { detail: { state, answer } }));
}
