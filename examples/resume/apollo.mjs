// Follows an inbox with Apollo Client: TIDINGS_TOKEN=<token> [TIDINGS_URL=<url>] node apollo.mjs [--count N]

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client/core';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { withChanges } from './list.mjs';
import { FOLLOW, INBOX, fail, headers, show, showInbox, socket, url } from './terminal.mjs';

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url, headers }),
  ),
});

await start();

/** Loads the inbox into the cache, and follows it from there: what happens in between is not missed. */
async function start() {
  const { data } = await client.query({ query: INBOX, fetchPolicy: 'network-only' });
  showCache();

  const updates = client.subscribe({ query: FOLLOW, variables: { after: data.viewer.inbox.cursor } });
  const following = updates.subscribe(({ data, error }) => {
    if (error) fail(error.message);
    const { resync, changes } = data.inboxUpdated;
    // What has an id is in the cache already: the counts, and the items. Which items the list has is for us to say.
    client.cache.updateQuery({ query: INBOX }, ({ viewer }) => {
      const items = withChanges(viewer.inbox.items, changes);
      return { viewer: { ...viewer, inbox: { ...viewer.inbox, items } } };
    });
    const isDone = show(data.inboxUpdated);
    if (isDone) showCache();
    if (isDone || resync) following.unsubscribe();
    // The history cannot be continued.
    if (resync) start();
  });
}

/** What a component sees that watches the query. */
function showCache() {
  showInbox(client.cache.readQuery({ query: INBOX }).viewer.inbox);
}
