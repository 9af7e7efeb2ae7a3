import {
  fromGraphQL,
  isDeactivation,
  isNotAdmitted,
  isTidingsError,
  tidingsError,
} from './errors.js'
import type { GraphQLError } from './errors.js'
import type { Tokens } from './tokens.js'
import type { TypedDocument } from './types.js'

export interface HttpOptions {
  url: string
  tokens: Tokens
  persisted: boolean
  fetch: typeof globalThis.fetch
  /** The server answered, and accepted the token or did not. */
  onAnswer(error?: Error): void
}

/** Longer than the server takes for anything. */
const LONGEST_REQUEST = 30_000

/** What a request sends for a document. */
export function payload<R, V>(document: TypedDocument<R, V>, persisted: boolean) {
  return persisted ? { documentId: document.hash } : { query: document.toString() }
}

/** Queries and mutations, each a request. */
export class Http {
  constructor(private options: HttpOptions) {}

  /** Repeats the request once with a fresh token if the server refuses the present one. */
  async request<R, V>(
    document: TypedDocument<R, V>,
    variables?: V,
    signal?: AbortSignal,
  ): Promise<R> {
    const { tokens, onAnswer } = this.options
    for (let isRepeated = false; ; isRepeated = true) {
      const token = await tokens.get().catch(error => {
        onAnswer(error)
        throw error
      })
      try {
        const data = await this.#send(document, variables, token, signal)
        onAnswer()
        return data
      } catch (error) {
        const isRefused = isTidingsError(error) && isNotAdmitted(error)
        if (isRefused && !isDeactivation(error)) {
          await tokens.refuse(token)
          if (!isRepeated) continue
        }
        if (isRefused) onAnswer(error)
        throw error
      }
    }
  }

  async #send<R, V>(
    document: TypedDocument<R, V>,
    variables: V | undefined,
    token: string,
    signal?: AbortSignal,
  ): Promise<R> {
    const { url, persisted, fetch } = this.options
    const limit = AbortSignal.timeout(LONGEST_REQUEST)
    let response: Response
    let answer: { data?: R; errors?: GraphQLError[] } | undefined
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ ...payload(document, persisted), variables }),
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      })
      // Something between us and the server may answer with a page.
      answer = await response.json().catch(error => {
        if (!(error instanceof SyntaxError)) throw error
      })
    } catch {
      // What the browser says of it, each in other words, is for nobody who reads this.
      if (signal?.aborted) throw tidingsError('ABORTED', 'the request was ended')
      throw tidingsError('NETWORK', 'there is no connection to the server')
    }
    const requestId = response.headers.get('x-request-id') ?? undefined
    if (answer?.errors?.length) throw fromGraphQL(answer.errors, requestId)
    if (answer?.data) return answer.data
    throw tidingsError(codeOf(response.status), `the server answered ${response.status}`, {
      requestId,
      retryAfter: Number(response.headers.get('retry-after')) || undefined,
    })
  }
}

function codeOf(status: number): string {
  if (status === 401) return 'UNAUTHENTICATED'
  if (status === 403) return 'FORBIDDEN'
  if (status === 429) return 'RATE_LIMITED'
  return status === 408 || status >= 500 ? 'UNAVAILABLE' : 'BAD_USER_INPUT'
}
