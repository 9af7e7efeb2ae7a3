import type { TypedDocument } from './types.js'

/** A document with its hash; generated code calls this. */
export function document<Result, Variables>(
  text: string,
  hash: string,
): TypedDocument<Result, Variables> {
  return { hash, toString: () => text }
}
