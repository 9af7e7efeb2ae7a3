// The client of graphql-sse: a request for each operation, and a stream of events as its answer.

import { createClient } from 'graphql-sse';
import { ask, obey, tell } from './stdio.mjs';

obey(
  createClient({
    url: process.env.TIDINGS_URL,
    headers: async () => ({ authorization: `Bearer ${await ask('token')}` }),
    retry: () => ask('retry'),
    on: { connected: (wasRetry) => tell('connected', wasRetry) },
  }),
);
