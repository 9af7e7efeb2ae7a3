// What urql.mjs and apollo.mjs have in common: their settings, their documents, and what they print.

import { parseArgs } from 'node:util';
import { parse } from 'graphql';
import WebSocket from 'ws';
import { connect } from './resume.mjs';

const ITEM = 'id title readAt archivedAt snoozedUntil updatedAt';

export const INBOX = parse(`
  query Inbox {
    viewer {
      id
      inbox {
        id
        cursor
        counts { id unread }
        items(first: 10, filter: { view: ACTIVE }) { nodes { ${ITEM} } pageInfo { hasNextPage endCursor } }
      }
    }
  }`);

export const FOLLOW = parse(`
  subscription Follow($after: String) {
    inboxUpdated(after: $after) {
      cursor
      resync
      counts { id unread }
      changes { type itemId item { ${ITEM} } }
    }
  }`);

const { values: options } = parseArgs({ options: { count: { type: 'string', default: 'Infinity' } } });
const token = process.env.TIDINGS_TOKEN;
export const url = process.env.TIDINGS_URL ?? 'http://127.0.0.1:8080/graphql';
export const headers = { authorization: `Bearer ${token}` };
let changesLeft = Number(options.count);
if (!token || !(changesLeft > 0)) {
  fail('usage: TIDINGS_TOKEN=<token> [TIDINGS_URL=<url>] node <program>.mjs [--count N]');
}

/** An application asks its own backend for a fresh token here; this one has only one. */
export const socket = connect({ url: url.replace(/^http/, 'ws'), token: () => token, webSocketImpl: WebSocket });
socket.on('closed', ({ code, reason }) => code === 4403 && fail(reason));

let isFollowing = false;

/** Prints an update; gives whether that was all. */
export function show({ resync, counts, changes }) {
  if (!isFollowing) console.log(`FOLLOWING — unread ${counts.unread}`);
  isFollowing = true;
  if (resync) console.log(`RESYNC ${resync} — unread ${counts.unread}`);
  for (const { type, itemId, item } of changes.slice(0, changesLeft)) {
    console.log(`${type} ${item ? printable(item.title) : itemId} — unread ${counts.unread}`);
  }
  changesLeft -= changes.length;
  return changesLeft <= 0;
}

/** The inbox as a page would show it. */
export function showInbox({ counts, items }) {
  const titles = items.nodes.map(({ title, readAt }) => printable(title) + (readAt ? '' : '*'));
  console.log(`INBOX ${titles.join(', ')} — unread ${counts.unread}`);
}

/** Titles are what other people wrote; control characters would reach the terminal. */
function printable(text) {
  return text.replace(/\p{Cc}/gu, '�');
}

export function fail(problem) {
  console.error(problem);
  process.exit(1);
}
