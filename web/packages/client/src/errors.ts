import type { TidingsError } from './types.js'

type Details = Partial<Pick<TidingsError, 'field' | 'requestId' | 'retryAfter'>>

/** An error of the server, or of the way to it. */
export function tidingsError(code: string, message: string, details: Details = {}): TidingsError {
  return Object.assign(new Error(message), { name: 'TidingsError' as const, code, ...details })
}

export function isTidingsError(error: unknown): error is TidingsError {
  return error instanceof Error && error.name === 'TidingsError'
}

/** An error as GraphQL writes it. */
export interface GraphQLError {
  message: string
  extensions?: { code?: string; field?: string; retryAfter?: number }
}

export function fromGraphQL(errors: readonly GraphQLError[], requestId?: string): TidingsError {
  const [{ message, extensions = {} }] = errors
  const { code = 'INTERNAL_SERVER_ERROR', field, retryAfter } = extensions
  return tidingsError(code, message, { field, retryAfter, requestId })
}

/** Whether the server knows who it is, and does not let them in: a fresh token is of no use. */
export function isDeactivation({ code }: Pick<TidingsError, 'code'>): boolean {
  return code.startsWith('DEACTIVATED')
}

/** Whether the server does not let them in, with this token or with any. */
export function isNotAdmitted(error: Pick<TidingsError, 'code'>): boolean {
  return error.code === 'UNAUTHENTICATED' || isDeactivation(error)
}

/** Why a socket was closed: `CODE: sentence`, or only a sentence. */
export function fromReason(reason: string): TidingsError {
  const [, code = 'UNAUTHENTICATED', message] = /^([A-Z_]+): (.*)$/.exec(reason) ?? []
  return tidingsError(code, message ?? reason)
}

const TEMPORARY = new Set(['NETWORK', 'UNAVAILABLE', 'RATE_LIMITED', 'LIMIT_EXCEEDED'])

/** Whether the same request may succeed later. */
export function isTemporary(error: unknown): boolean {
  return isTidingsError(error) && TEMPORARY.has(error.code)
}

const LONGEST_WAIT = 30_000

/**
 * Milliseconds to wait before the next attempt: longer from time to time, at least what the server
 * asks for, and never the same for all clients.
 */
export function waitBefore(attempt: number, error?: TidingsError): number {
  const wait = Math.min(500 * 2 ** attempt, LONGEST_WAIT) * (0.5 + Math.random() / 2)
  return Math.max(wait, (error?.retryAfter ?? 0) * 1000)
}
