import type { OidcConfig } from './oidc'

/** How people sign in; the server's settings say which of these it is. */
export type SignInConfig =
  | { kind: 'demo' }
  | { kind: 'url'; url: string }
  | ({ kind: 'oidc' } & OidcConfig)
  | { kind: 'none' }

export interface Config {
  version: string
  signIn: SignInConfig
  /** Whether people may send only the ids of documents. */
  persisted?: boolean
  /** Whether pictures in announcements are loaded. */
  announcementPictures: boolean
}

export async function loadConfig(): Promise<Config> {
  const answer = await fetch('./web/config.json', { cache: 'no-store' })
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`)
  return (await answer.json()) as Config
}
