// What every screen may need: the client, who is signed in, and what the server allows.

import { createContext, use } from 'react'
import type { Tidings } from '@tidings/client'
import type { MeQuery } from '../generated/documents'
import type { SignedIn } from '../session/session'

export interface App {
  tidings: Tidings
  session: SignedIn
  /** Undefined until the server has answered. */
  me: Me | undefined
}

export interface Me {
  /** Null for the host application, which has no inbox. */
  viewer: MeQuery['viewer']
  role: NonNullable<MeQuery['viewerRole']>
  server: NonNullable<MeQuery['server']>
}

export const AppContext = createContext<App | undefined>(undefined)

export function useApp(): App {
  const app = use(AppContext)
  if (!app) throw new Error('outside of the app')
  return app
}

/** Whether somebody may see the admin pages and what only hosts may do. */
export function isHost(me: Me | undefined): boolean {
  return me?.role === 'ADMIN' || me?.role === 'SERVICE'
}
