//! A browser, and the web pages to look at with it.

use std::{env, ffi::OsString, path::PathBuf};

pub const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");

/// The browser in which to test a page of `web/dist`. CI must have one.
pub fn chromium(page: &str) -> Option<PathBuf> {
    // First the one without windows: each person of a test has one, and it costs three times as
    // much as their page.
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
        .map(OsString::from);
    let paths = env::var_os("PATH").unwrap_or_default();
    let in_paths = |name| {
        env::split_paths(&paths).map(move |path| path.join(&name)).find(|file| file.exists())
    };
    let browser =
        env::var_os("CHROMIUM").map(PathBuf::from).or_else(|| names.into_iter().find_map(in_paths));
    let has = |file: &str| PathBuf::from(WEB).join(file).exists();
    let browser =
        browser.filter(|_| has("node_modules/playwright-core") && has(&format!("dist/{page}")));
    if browser.is_none() {
        let message =
            "*** SKIPPED: Chromium or the web pages are missing; `make test` gets them ***";
        assert!(env::var_os("CI").is_none(), "{message}");
        eprintln!("{message}");
    }
    browser
}
