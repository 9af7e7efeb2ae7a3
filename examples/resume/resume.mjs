// Connects to Tidings with graphql-ws such that subscriptions go on where they were. Copy this file into your application;
// in a browser leave `webSocketImpl` out.
//
//   const socket = connect({ url: 'wss://…/graphql', token: () => yourBackend.freshToken() });
//
//   Apollo  new GraphQLWsLink(socket)
//   urql    subscriptionExchange({ forwardSubscription: (request) => ({
//             subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }) }) })
//   Relay   Network.create(fetch, (operation, variables) => Observable.create((sink) =>  // not tested here
//             socket.subscribe({ operationName: operation.name, query: operation.text, variables }, sink)))
//
// Select `cursor` in each subscription, and declare its variable as `$after`.

import { createClient } from 'graphql-ws';

/** Milliseconds in which a living server is heard of: it pings every 25 seconds. */
const LONGEST_SILENCE = 60_000;
const LONGEST_WAIT = 30_000;

/** `token` is called for each connection, and so also when the server has closed one because its token was over. */
export function connect({ url, token, webSocketImpl }) {
  const client = createClient({
    url,
    webSocketImpl,
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    retryAttempts: Infinity,
    shouldRetry: () => true,
    // The library's own wait doubles without end. The random part keeps many clients from coming back at once.
    retryWait: (retries) =>
      new Promise((done) => setTimeout(done, Math.min(500 * 2 ** retries, LONGEST_WAIT) * (0.5 + Math.random() / 2))),
  });

  // A network that is cut says nothing; without this the client would wait for ever.
  let watchdog;
  const heard = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => client.terminate(), LONGEST_SILENCE);
  };
  client.on('connecting', heard);
  client.on('message', heard);
  client.on('closed', () => clearTimeout(watchdog));

  // `iterate` stays as it is: it does not resume.
  return { ...client, subscribe: (request, sink) => client.subscribe(...resuming(request, sink)) };
}

/** A subscription that begins after the last update that it has had, and not always after the first. */
export function resuming(request, { next, error, complete }) {
  let after = request.variables?.after;
  return [
    // graphql-ws makes JSON of the same object at each reconnect. A getter puts the newest cursor in.
    { ...request, variables: { ...request.variables, get after() { return after; } } },
    {
      error,
      complete,
      next: (result) => {
        // A subscription has one field, under whatever alias.
        const [update] = Object.values(result.data ?? {});
        after = update?.cursor ?? after;
        next(result);
      },
    },
  ];
}
