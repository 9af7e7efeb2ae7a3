// Follows an inbox with urql: TIDINGS_TOKEN=<token> [TIDINGS_URL=<url>] node urql.mjs [--count N]

import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { withChanges } from './list.mjs';
import { FOLLOW, INBOX, fail, headers, show, showInbox, socket, url } from './terminal.mjs';

const client = new Client({
  url,
  fetchOptions: { headers },
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }),
      }),
    }),
  ],
});

await start();

/** Loads the inbox, and follows it from there: what happens in between is not missed. */
async function start() {
  const { data, error } = await client.query(INBOX, {}, { requestPolicy: 'network-only' });
  if (error) fail(error.message);
  // urql's document cache is not told by subscriptions, so what is shown is kept here.
  let { inbox } = data.viewer;
  showInbox(inbox);

  const following = client.subscription(FOLLOW, { after: inbox.cursor }).subscribe(({ data, error }) => {
    if (error) fail(error.message);
    const { resync, counts, changes } = data.inboxUpdated;
    inbox = { ...inbox, counts, items: withChanges(inbox.items, changes) };
    const isDone = show(data.inboxUpdated);
    if (isDone) showInbox(inbox);
    if (isDone || resync) following.unsubscribe();
    // The history cannot be continued.
    if (resync) start();
  });
}
