import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client/core';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';

export function connect({ url, headers, socket, documents }) {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: url, headers }),
    ),
  });
  const document = (name) => gql(documents[name]);
  return {
    load: async (name, variables) => {
      const asked = { query: document(name), variables, errorPolicy: 'all' };
      const { data, error } = await client.query({ ...asked, fetchPolicy: 'network-only' });
      if (error && !CombinedGraphQLErrors.is(error)) throw error;
      return { data, errors: error?.errors ?? [] };
    },
    show: (name, variables) => client.readQuery({ query: document(name), variables }),
    run: async (name, variables) =>
      (await client.mutate({ mutation: document(name), variables })).data,
    follow: (name, variables, next) =>
      client.subscribe({ query: document(name), variables }).subscribe(({ data, error }) => {
        if (error) throw error;
        next(data);
      }),
  };
}
