/** What opens when somebody asks for it, and is no part of the first load. */

import { later } from './base/later'

export const AnnouncementPreview = /* @__PURE__ */ later(() =>
  import('./panes/AnnouncementPreview').then(module => module.AnnouncementPreview),
)
export const FormatBar = /* @__PURE__ */ later(() =>
  import('./markdown/FormatBar').then(module => module.FormatBar),
)
export const KeysHelp = /* @__PURE__ */ later(() =>
  import('./inbox/KeysHelp').then(module => module.KeysHelp),
)
export const Preferences = /* @__PURE__ */ later(() =>
  import('./preferences/Preferences').then(module => module.Preferences),
)
export const SearchNameDialog = /* @__PURE__ */ later(() =>
  import('./inbox/SearchNameDialog').then(module => module.SearchNameDialog),
)
export const SnoozeDialog = /* @__PURE__ */ later(() =>
  import('./inbox/SnoozeDialog').then(module => module.SnoozeDialog),
)

const ALL = [SnoozeDialog, FormatBar, KeysHelp, SearchNameDialog, Preferences]

/** Loads them all, once the page has nothing else to do. */
export function prepareLater() {
  const prepare = () => {
    for (const dialog of ALL) dialog.prepare()
  }
  // Not every browser has it.
  if ('requestIdleCallback' in window) requestIdleCallback(prepare)
  else setTimeout(prepare, 1000)
}
