// Whether a page is for everybody, as far as axe can tell.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
/** What is run in each scheme: nothing but colours is different in the dark. */
const RULES = {
  light: { type: 'tag', values: TAGS },
  dark: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
}

/** Nobody looks at the paths of elements, which take time. */
const BRIEF = { resultTypes: ['violations'], selectors: false }

/** Fails if axe has anything against the page as it is, in light and dark. */
export async function examine(page, state) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(AXE)
  for (const [colorScheme, runOnly] of Object.entries(RULES)) {
    await page.emulateMedia({ colorScheme })
    const found = await page.evaluate(options => window.axe.run(document, options), {
      runOnly,
      ...BRIEF,
    })
    const violations = found.violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`),
    }))
    assert.deepEqual(violations, [], `${state}, ${colorScheme}`)
  }
}
