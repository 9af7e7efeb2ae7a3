/** Only these lead somewhere without running anything. */
const SAFE = /^(?:https?:|[/?#.]|[^:]*$)/i

/**
 * An address that a link may have: http, https, or a path of the host application; undefined for
 * all else. Browsers leave out control characters and spaces, so these are not looked at.
 */
export function safeUrl(url: string | null | undefined): string | undefined {
  const bare = url?.replace(/[\u0000-\u0020]/g, '')
  return bare && SAFE.test(bare) ? bare : undefined
}

/** Attributes of a link to elsewhere: the page there learns nothing of this one. */
export const ELSEWHERE = { target: '_blank', rel: 'noopener noreferrer' } as const
