// The client of graphql-ws with its own defaults, except for what the test decides. LAZY=no
// connects at once.

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ask, obey, tell } from './stdio.mjs';

obey(
  createClient({
    url: process.env.TIDINGS_URL.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    lazy: process.env.LAZY !== 'no',
    connectionParams: async () => ({ authorization: `Bearer ${await ask('token')}` }),
    retryWait: () => ask('retry'),
    onNonLazyError: ({ code }) => tell('gave up', code),
    on: {
      connected: (_socket, payload, wasRetry) => tell('connected', payload ?? null, wasRetry),
      closed: ({ code }) => tell('closed', code),
    },
  }),
);
