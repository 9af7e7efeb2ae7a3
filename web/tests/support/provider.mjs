// A real OpenID Connect provider, of the package `oidc-provider`, on loopback. Its own forms ask
// for a name and a consent.

import { createServer } from 'node:http'
import { once } from 'node:events'
import Provider from 'oidc-provider'

/** What its access tokens are for. */
export const TARGET = 'urn:tidings'

export class Identities {
  #server
  issuer
  /** The grants that the token endpoint was asked for, and whether each had a verifier (PKCE). */
  grants = []

  /**
   * Starts one. If it `wants` to be told by `audience` or `resource` what a token is for, then without
   * that its access tokens are for itself alone.
   */
  static async start({ seconds = 3600, refreshes = false, wants } = {}) {
    const identities = new Identities()
    identities.#server = createServer((request, response) => answer(request, response))
    identities.#server.listen(0, '127.0.0.1')
    await once(identities.#server, 'listening')
    identities.issuer = `http://127.0.0.1:${identities.#server.address().port}`
    const provider = new Provider(identities.issuer, {
      clients: [
        {
          client_id: 'inbox',
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          redirect_uris: ['http://127.0.0.1/inbox'],
          post_logout_redirect_uris: ['http://127.0.0.1/inbox'],
        },
      ],
      clientBasedCORS: () => true,
      cookies: { keys: ['only-for-tests'] },
      extraParams: ['audience'],
      extraTokenClaims: () => ({ role: 'user' }),
      features: {
        resourceIndicators: {
          enabled: true,
          defaultResource: ({ oidc: { params } }) =>
            !wants || params[wants] === TARGET ? TARGET : undefined,
          getResourceServerInfo: () => ({
            scope: 'openid',
            audience: 'tidings',
            accessTokenFormat: 'jwt',
            accessTokenTTL: seconds,
          }),
          useGrantedResource: () => wants !== 'resource',
        },
      },
      issueRefreshToken: () => refreshes,
      pkce: { required: () => true },
    })
    // The port of the pages is not known yet.
    provider.Client.prototype.redirectUriAllowed = () => true
    provider.Client.prototype.postLogoutRedirectUriAllowed = () => true
    provider.on('grant.success', ({ oidc: { params } }) =>
      identities.grants.push({ type: params.grant_type, verifier: 'code_verifier' in params }),
    )
    const answer = provider.callback()
    return identities
  }

  /** What the server is told. */
  get settings() {
    return {
      AUTH_ISSUER: this.issuer,
      AUTH_JWKS: `${this.issuer}/jwks`,
      WEB_CLIENT_ID: 'inbox',
    }
  }

  end() {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** Fills the provider's forms. */
export async function signIn(page, name) {
  await page.locator('input[name=login]').fill(name)
  await page.locator('input[name=password]').fill('any')
  await page.locator('button[type=submit]').click()
  // The consent.
  await page.locator('form:has(input[name=prompt][value=consent]) button[type=submit]').click()
}
