// An EventSource follows an inbox. It sends the same request at each reconnect; that it goes on where it was is the work of
// the header Last-Event-ID alone.

import { EventSource } from 'eventsource';
import { tell } from './stdio.mjs';

const query = 'subscription { inboxUpdated { cursor counts { unread } changes { type item { title } } } }';

const source = new EventSource(process.env.TIDINGS_URL, {
  fetch: (url, { headers, ...init }) => {
    tell('request', headers['Last-Event-ID'] ?? null);
    return fetch(url, {
      ...init,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', authorization: `Bearer ${process.env.TIDINGS_TOKEN}` },
      body: JSON.stringify({ query }),
    });
  },
});
source.addEventListener('next', ({ data, lastEventId }) => tell('next', lastEventId, JSON.parse(data)));
source.addEventListener('complete', () => source.close());
