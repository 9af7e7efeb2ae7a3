// Follows an inbox of Tidings on the terminal: a line for each change, none missing and none twice, however often the
// connection or the server goes away meanwhile.
//
//   TIDINGS_TOKEN=<token> node follow-inbox.mjs [--count N]
//
// TIDINGS_URL is the server's address, http://127.0.0.1:8080/graphql by default. With --count it ends after N changes.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const FOLLOW = `
  subscription Follow($after: String) {
    inboxUpdated(after: $after) {
      cursor
      resync
      counts { unread }
      changes { type itemId item { title } }
    }
  }`;

const REFETCH = '{ viewer { inbox { items(first: 100, filter: { view: UNREAD }) { nodes { title } } } } }';

/** Milliseconds in which a living server is heard of: it pings every 25 seconds. */
const LONGEST_SILENCE = 60_000;
const HANDSHAKE_TIMEOUT = 10_000;
const LONGEST_WAIT = 30_000;

const { values: options } = parseArgs({ options: { count: { type: 'string', default: 'Infinity' } } });
const url = process.env.TIDINGS_URL ?? 'http://127.0.0.1:8080/graphql';
const token = process.env.TIDINGS_TOKEN;
if (!token || !(Number(options.count) > 0)) {
  console.error('usage: TIDINGS_TOKEN=<token> [TIDINGS_URL=<url>] node follow-inbox.mjs [--count N]');
  process.exit(2);
}

/** The place in the inbox's history up to which everything was shown. */
let lastCursor;
let changesLeft = Number(options.count);
let watchdog;

const client = createClient({
  url: url.replace(/^http/, 'ws'),
  webSocketImpl: class extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols, { handshakeTimeout: HANDSHAKE_TIMEOUT });
    }
  },
  // Called for each connection. An application asks its own backend for a fresh token here.
  connectionParams: () => ({ authorization: `Bearer ${token}` }),
  connectionAckWaitTimeout: HANDSHAKE_TIMEOUT,
  retryAttempts: Infinity,
  shouldRetry: () => true,
  // The library's own wait doubles without end. The random part keeps many clients from coming back at once.
  retryWait: (retries) => sleep(Math.min(500 * 2 ** retries, LONGEST_WAIT) * (0.5 + Math.random() / 2)),
  on: {
    connected: (_socket, _payload, wasRetry) => {
      if (wasRetry) console.error('connected again');
    },
    // A network that is cut says nothing; without this the client would wait for ever.
    message: () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => client.terminate(), LONGEST_SILENCE);
    },
    closed: ({ code, reason }) => {
      clearTimeout(watchdog);
      if (changesLeft > 0) console.error(`disconnected: ${code} ${reason}`);
      // Worth a retry with a fresh token, but this script has only the one.
      if (code === 4403) process.exit(1);
    },
  },
});

const stop = client.subscribe(
  // graphql-ws sends the same variables with every reconnect; a getter makes it send the newest cursor.
  { query: FOLLOW, variables: { get after() { return lastCursor; } } },
  { next: show, error: fail, complete: () => {} },
);

function show({ data, errors }) {
  if (errors) return fail(errors);
  const { cursor, resync, counts, changes } = data.inboxUpdated;
  if (!lastCursor) console.log(`FOLLOWING — unread ${counts.unread}`);
  // At once, and not after something asynchronous: a reconnect in between would bring these changes again.
  lastCursor = cursor;
  if (resync) {
    console.log(`RESYNC ${resync} — unread ${counts.unread}`);
    refetch().catch(fail);
  }
  for (const { type, itemId, item } of changes.slice(0, changesLeft)) {
    console.log(`${type} ${item ? printable(item.title) : itemId} — unread ${counts.unread}`);
  }
  changesLeft -= changes.length;
  if (changesLeft <= 0) stop();
}

/** What an application does when its history cannot be continued: it forgets what it shows and loads it again. */
async function refetch() {
  const { value } = await client.iterate({ query: REFETCH }).next();
  for (const { title } of value.data.viewer.inbox.items.nodes) {
    console.log(`UNREAD ${printable(title)}`);
  }
}

/** Titles are what other people wrote; control characters would reach the terminal. */
function printable(text) {
  return text.replace(/\p{Cc}/gu, '�');
}

function fail(problem) {
  const text = Array.isArray(problem) ? problem.map(({ message }) => message).join('; ') : problem.reason || problem;
  console.error(`cannot follow the inbox: ${text}`);
  process.exit(1);
}
