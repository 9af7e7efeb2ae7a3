// How GraphiQL asks: queries and mutations over HTTP, subscriptions over a websocket of their own, whose
// `connection_init` brings the headers of the headers editor as they are at that moment.

import type { Fetcher, FetcherParams } from '@graphiql/toolkit'
import { type ExecutionResult, getOperationAST, parse } from 'graphql'
import { createClient } from 'graphql-ws'
import { currentHeaders } from './identity'

type Headers = Record<string, string>

// Beside this page, also where a proxy puts both below a path.
const endpoint = new URL('graphql', document.baseURI)
const socket = new URL(endpoint)
socket.protocol = endpoint.protocol.replace('http', 'ws')

export const fetcher: Fetcher = (request, options) => {
  if (request.operationName === 'IntrospectionQuery') {
    // GraphiQL asks for the schema before it has a headers editor.
    return ask(request, options?.headers ?? currentHeaders())
  }
  // GraphiQL notes the name of the operation a while after the last change, and may still have that of the tab before.
  const document = parse(request.query)
  const operation = getOperationAST(document, request.operationName) ?? getOperationAST(document)
  const named = { ...request, operationName: operation?.name?.value }
  return operation?.operation === 'subscription'
    ? follow(named, options?.headers)
    : ask(named, options?.headers)
}

async function ask(request: FetcherParams, headers?: Headers) {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
      ...headers,
    },
    body: JSON.stringify(request),
  })
  return answer.json()
}

/** One client for each subscription: a shared one would come with the parameters of the first. */
function follow({ query, variables, operationName }: FetcherParams, headers?: Headers) {
  const client = createClient({ url: socket.href, connectionParams: headers })
  // The types differ in what an error may know beside what the server says.
  const updates = client.iterate({
    query,
    variables,
    operationName,
  }) as AsyncGenerator<ExecutionResult>
  const next = () => updates.next().catch(explain)
  return { [Symbol.asyncIterator]: () => ({ next, return: () => updates.return(undefined) }) }
}

function explain(cause: unknown): never {
  throw cause instanceof CloseEvent
    ? new Error(`The socket was closed: ${cause.code} ${cause.reason}`)
    : cause
}
