// urql with graphcache, which takes its keys from `id` and is told what has none. Queries go as
// GET, which is urql's default.

import { readFileSync } from 'node:fs';
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { buildSchema, introspectionFromSchema } from 'graphql';

const schema = readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8');
const EMBEDDED = ['ItemAction', 'CategoryCount', 'InboxItemConnection', 'InboxUpdate', 'InboxChange'];

export function connect({ url, headers, socket, documents }) {
  const cache = cacheExchange({
    schema: introspectionFromSchema(buildSchema(schema)),
    keys: Object.fromEntries(EMBEDDED.map((type) => [type, () => null])),
    // It says what it cannot do as a warning.
    logger: (severity, message) => {
      throw new Error(`${severity}: ${message}`);
    },
  });
  const forwardSubscription = (request) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }),
  });
  const client = new Client({
    url,
    fetchOptions: { headers },
    exchanges: [cache, fetchExchange, subscriptionExchange({ forwardSubscription })],
  });
  const data = ({ data, error }) => {
    if (error) throw error;
    return data;
  };
  return {
    load: async (name, variables) => {
      const requestPolicy = 'network-only';
      const { data, error } = await client.query(documents[name], variables, { requestPolicy });
      if (error?.networkError) throw error;
      return { data, errors: error?.graphQLErrors ?? [] };
    },
    show: async (name, variables) =>
      data(await client.query(documents[name], variables, { requestPolicy: 'cache-only' })),
    run: async (name, variables) => data(await client.mutation(documents[name], variables)),
    follow: (name, variables, next) =>
      client.subscription(documents[name], variables).subscribe((result) => next(data(result))),
  };
}
