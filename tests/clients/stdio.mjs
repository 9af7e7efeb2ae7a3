// How a test controls a client: lines of JSON on stdin say what to do, lines on stdout say what
// happened.

import { createInterface } from 'node:readline';

export function tell(...event) {
  console.log(JSON.stringify(event));
}

const questions = [];

/** What only the test knows: a token, or when to try again. */
export function ask(what) {
  tell('ask', what);
  return new Promise((answer) => questions.push(answer));
}

/**
 * Does what the test says until its end: `{subscribe: id, query, variables}`, `{stop: id}`, and
 * `{answer}` to the first open question.
 */
export function obey(client) {
  const stops = new Map();
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const { subscribe, stop, answer, ...request } = JSON.parse(line);
    if (subscribe) stops.set(subscribe, start(client, subscribe, request));
    if (stop) stops.get(stop)();
    if (answer !== undefined) questions.shift()(answer);
  });
  input.on('close', () => process.exit());
}

/** With the newest cursor at each reconnect, as examples/resume does it. */
function start(client, id, { query, variables }) {
  let after = variables?.after;
  return client.subscribe(
    { query, variables: { ...variables, get after() { return after; } } },
    {
      next: (result) => {
        after = Object.values(result.data ?? {})[0]?.cursor ?? after;
        tell('next', id, result);
      },
      error: (error) => {
        const { code, message } = error;
        tell('error', id, Array.isArray(error) ? error : { code, message });
      },
      complete: () => tell('complete', id),
    },
  );
}
