// Signing in at an OpenID Connect provider: the authorization code flow with PKCE, by
// oauth4webapi. Between leaving for the provider and coming back, the state, the nonce and the
// verifier are in this tab's sessionStorage; tokens are never stored.
//
// A token that ends is renewed by the refresh token, if the provider gave one (most want the scope
// `offline_access` for it). If not, the page goes to the provider and back without a question
// (`prompt=none`), and to its sign-in form only if that is refused. A hidden frame is no way: the
// pages refuse to be framed.

import * as oauth from 'oauth4webapi'
import type { SignIn } from './signIn'

export interface OidcConfig {
  issuer: string
  clientId: string
  scope: string
  /** What access tokens are for, where the provider has to be told: in its own word for it… */
  audience?: string
  /** …or in that of RFC 8707, which is repeated with each request for a token. */
  resource?: string
}

/** What the page needs to finish when it is back from the provider. */
interface Journey {
  state: string
  nonce: string
  verifier: string
  /** Where the person was in the app. */
  address: string
  silent: boolean
}

const KEY = 'tidings:oidc'
/** The one address that is registered at the provider. */
const redirectUri = () => new URL('./inbox', window.location.href.split('?')[0]).href

/** The provider refused, or something is wrong with its settings. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
}

export async function oidc(config: OidcConfig): Promise<SignIn> {
  const issuer = new URL(config.issuer)
  // Providers on this machine, for trying things out, have no certificate.
  const options = { [oauth.allowInsecureRequests]: issuer.protocol === 'http:' }
  const server = await oauth
    .discoveryRequest(issuer, options)
    .then(answer => oauth.processDiscoveryResponse(issuer, answer))
  const client: oauth.Client = { client_id: config.clientId }
  const tokenOptions = {
    ...options,
    additionalParameters: new URLSearchParams(config.resource && { resource: config.resource }),
  }

  let token: string | undefined
  let refreshToken: string | undefined

  /** Keeps what the provider gave. */
  function take(answer: oauth.TokenEndpointResponse) {
    refreshToken = answer.refresh_token ?? refreshToken
    token = tokenOf(answer)
  }

  /** Goes to the provider. The promise never ends: the page does. */
  async function leave(silent: boolean): Promise<never> {
    // If it does not answer, this page is the better one to wait on.
    await oauth.discoveryRequest(issuer, options)
    const journey: Journey = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
      address: window.location.href,
      silent,
    }
    window.sessionStorage.setItem(KEY, JSON.stringify(journey))
    if (!server.authorization_endpoint) throw new ProviderError('no authorization endpoint')
    const to = new URL(server.authorization_endpoint)
    to.searchParams.set('client_id', config.clientId)
    to.searchParams.set('redirect_uri', redirectUri())
    to.searchParams.set('response_type', 'code')
    to.searchParams.set('scope', config.scope)
    if (config.audience) to.searchParams.set('audience', config.audience)
    if (config.resource) to.searchParams.set('resource', config.resource)
    to.searchParams.set('state', journey.state)
    to.searchParams.set('nonce', journey.nonce)
    to.searchParams.set('code_challenge_method', 'S256')
    to.searchParams.set('code_challenge', await oauth.calculatePKCECodeChallenge(journey.verifier))
    if (silent) to.searchParams.set('prompt', 'none')
    window.location.assign(to)
    return new Promise<never>(() => {})
  }

  /** Comes back from the provider: exchanges the code, and restores where the person was. */
  async function arrive(journey: Journey, here: URL) {
    window.history.replaceState(null, '', journey.address)
    let parameters: URLSearchParams
    try {
      parameters = oauth.validateAuthResponse(server, client, here, journey.state)
    } catch (error) {
      if (!(error instanceof oauth.AuthorizationResponseError)) throw error
      // Without a session there, the provider has to ask.
      if (journey.silent) return leave(false)
      throw new ProviderError(error.error_description ?? error.error)
    }
    const answer = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.None(),
      parameters,
      redirectUri(),
      journey.verifier,
      tokenOptions,
    )
    take(
      await oauth.processAuthorizationCodeResponse(server, client, answer, {
        expectedNonce: journey.nonce,
      }),
    )
  }

  /** A token by the refresh token; undefined if there is none, or it is not accepted any more. */
  async function renew(): Promise<string | undefined> {
    if (!refreshToken) return undefined
    try {
      const answer = await oauth.refreshTokenGrantRequest(
        server,
        client,
        oauth.None(),
        refreshToken,
        tokenOptions,
      )
      take(await oauth.processRefreshTokenResponse(server, client, answer))
      const renewed = token
      token = undefined
      return renewed
    } catch (error) {
      // A network that is down is no answer: the client tries again.
      if (!(error instanceof oauth.ResponseBodyError)) throw error
      refreshToken = undefined
      return undefined
    }
  }

  const journey = takeJourney()
  const here = new URL(window.location.href)
  const isBack = here.searchParams.has('code') || here.searchParams.has('error')
  if (journey && isBack) await arrive(journey, here)

  return {
    async getToken() {
      // The client asks again when the last one is not accepted any more.
      const first = token
      token = undefined
      return first ?? (await renew()) ?? leave(true)
    },
    async signOut() {
      token = refreshToken = undefined
      if (!server.end_session_endpoint) return
      const to = new URL(server.end_session_endpoint)
      to.searchParams.set('client_id', config.clientId)
      to.searchParams.set('post_logout_redirect_uri', redirectUri())
      window.location.assign(to)
      await new Promise<never>(() => {})
    },
  }
}

function takeJourney(): Journey | undefined {
  const text = window.sessionStorage.getItem(KEY)
  window.sessionStorage.removeItem(KEY)
  return text === null ? undefined : (JSON.parse(text) as Journey)
}

/** The access token, if it is one that Tidings can verify (a JWT); otherwise the ID token. */
function tokenOf(answer: oauth.TokenEndpointResponse): string {
  const isJwt = answer.access_token.split('.').length === 3
  const token = isJwt ? answer.access_token : answer.id_token
  if (!token) throw new ProviderError('The provider gave no token that this server can verify.')
  return token
}
