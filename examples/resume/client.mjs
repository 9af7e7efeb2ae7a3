// Follows an inbox with Tidings' own client: TIDINGS_TOKEN=<token> [TIDINGS_URL=<url>] node client.mjs [--until <title>]
//
// It does what resume.mjs and list.mjs show, and more: marks that work offline, paging, counts. So all that is left is to
// print the list whenever it has changed.

import { parseArgs } from 'node:util';
import { connect } from '@tidings/client';
import WebSocket from 'ws';

const { values: options } = parseArgs({ options: { until: { type: 'string' } } });

const tidings = connect({
  url: process.env.TIDINGS_URL ?? 'http://127.0.0.1:8080/graphql',
  // An application asks its own backend for a fresh token here; this one has only one.
  getToken: () => process.env.TIDINGS_TOKEN,
  // Browsers, and Node.js from version 22, have one of their own.
  webSocketImpl: WebSocket,
});

const list = tidings.inbox.list({ view: 'ACTIVE' });
list.subscribe(() => {
  const { items, loading } = list.get();
  if (loading) return;
  const titles = items.map(({ title, readAt }) => printable(title) + (readAt ? '' : '*'));
  console.log(`INBOX ${titles.join(', ')}`);
  if (items[0] && items[0].title === options.until) tidings.close();
});

tidings.connection.subscribe(() => {
  const { state, reason } = tidings.connection.get();
  if (state === 'signed-out' || state === 'deactivated') {
    console.error(reason);
    tidings.close();
  }
});

/** Titles are what other people wrote; control characters would reach the terminal. */
function printable(text) {
  return text.replace(/\p{Cc}/gu, '�');
}
