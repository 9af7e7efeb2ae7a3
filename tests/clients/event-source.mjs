// An EventSource sends an operation, QUERY. At each reconnect it sends the same request; only the
// header Last-Event-ID makes it continue where it was.

import { EventSource } from 'eventsource';
import { tell } from './stdio.mjs';

const { QUERY: query, TIDINGS_TOKEN: token, TIDINGS_URL: url } = process.env;

const source = new EventSource(url, {
  fetch: (url, { headers, ...init }) => {
    tell('request', headers['Last-Event-ID'] ?? null);
    return fetch(url, {
      ...init,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query }),
    });
  },
});
source.addEventListener('next', ({ data, lastEventId }) => {
  tell('next', lastEventId, JSON.parse(data));
});
source.addEventListener('complete', () => {
  source.close();
  tell('complete');
});
