// Scripts that somebody tries to smuggle into a page.

import assert from 'node:assert/strict'

export const ATTACKS = [
  '<script>hack()</script>',
  '<img src=x onerror=hack()>',
  '<svg/onload=hack()>',
  '"><iframe srcdoc="<script>parent.hack()</script>">',
  '<a href="javascript:hack()">click</a>',
  '[click](javascript:hack())',
  '[click](JaVaScRiPt:hack())',
  '[click](&#106;avascript:hack())',
  '[click](java&#9;script:hack())',
  '[click](<javascript:hack()>)',
  '[click](data:text/html,<script>hack()</script>)',
  '[click](vbscript:hack())',
  '![x](javascript:hack())',
  '![x](https://example.org/x.png"onerror="hack())',
  '<javascript:hack()>',
  '<math><mi//xlink:href="data:x,<script>hack()</script>">',
  '<form><button formaction=javascript:hack()>x',
  '<style>*{background:url(javascript:hack())}</style>',
  '`<img src=x onerror=hack()>`',
  '[x]: javascript:hack()\n\n[x]',
  '<details open ontoggle=hack()>',
  '{{constructor.constructor("hack()")()}}',
]

/** In one line each, as labels are. */
export const ATTACKS_IN_A_LINE = ATTACKS.map(attack => attack.replaceAll('\n', ' '))

/** Opens the page again, with what the scripts would call. */
export async function mayBeHacked(page) {
  await page.addInitScript(() => (window.hack = () => (window.isHacked = true)))
  await page.reload()
}

/** Fails if a script has run, or if anything on the page could run one. */
export async function isHarmless(page) {
  const found = await page.evaluate(() => ({
    isHacked: window.isHacked ?? false,
    links: [...document.querySelectorAll('a')]
      .map(({ protocol }) => protocol)
      .filter(protocol => !['http:', 'https:', ':'].includes(protocol)),
    foreign: document.querySelectorAll(
      '#root :is(script, iframe, style, form form, object, math, .tidings-pane details, img[src^="x"])',
    ).length,
    handlers: [...document.querySelectorAll('#root *')].flatMap(element =>
      element.getAttributeNames().filter(name => name.startsWith('on')),
    ),
  }))
  assert.deepEqual(found, { isHacked: false, links: [], foreign: 0, handlers: [] })
}
