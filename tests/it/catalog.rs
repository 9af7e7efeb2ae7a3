//! The catalog as clients see it.

use indexmap::IndexMap;
use serde_json::json;
use tidings::config::{Action, Catalog, Reason};

use crate::support::app::{Kind, TestApp, both};

const CATALOG: &str = "{ catalog {
    targetTypes actions { key label enabledByDefault } reasons { key label actions } } }";

both! {
    async fn without_settings_everybody_sees_the_built_in_catalog(app: TestApp) {
        let alice = app.user("alice").await;

        let catalog = alice.query(CATALOG, json!({})).await["catalog"].take();

        let action = |key, label| json!({"key": key, "label": label, "enabledByDefault": true});
        let expected = json!({
            "targetTypes": ["product", "post"],
            "actions": [
                action("comment", "Comments"), action("like", "Likes"), action("update", "Updates"),
            ],
            "reasons": [
                {"key": "create_product", "label": "You added it", "actions": ["comment", "like"]},
                {"key": "create_post", "label": "You wrote it", "actions": ["comment"]},
                {"key": "like_product", "label": "You liked it", "actions": ["comment"]},
                {"key": "like_post", "label": "You liked it", "actions": ["update", "comment"]},
            ],
        });
        assert_eq!(catalog, expected);
    }
}

#[tokio::test]
async fn a_configured_catalog_is_shown_in_the_order_of_its_definition() {
    let share = Action {
        label: "Shares".into(),
        enabled: false,
        category: None,
        sentences: IndexMap::new(),
    };
    let comment = Action {
        label: "Comments".into(),
        enabled: true,
        category: None,
        sentences: IndexMap::new(),
    };
    let watch =
        Reason { label: "You watch it".into(), actions: vec!["share".into(), "comment".into()] };
    let catalog = Catalog {
        target_types: vec!["photo".into()],
        actions: [("share".into(), share), ("comment".into(), comment)].into(),
        reasons: [("watch".into(), watch)].into(),
        ..Catalog::default()
    };
    let app = TestApp::start_with(Kind::Sqlite, |config| config.catalog = catalog).await.unwrap();

    let catalog = app.service().query(CATALOG, json!({})).await["catalog"].take();

    let expected = json!({
        "targetTypes": ["photo"],
        "actions": [
            {"key": "share", "label": "Shares", "enabledByDefault": false},
            {"key": "comment", "label": "Comments", "enabledByDefault": true},
        ],
        "reasons": [{"key": "watch", "label": "You watch it", "actions": ["share", "comment"]}],
    });
    assert_eq!(catalog, expected);
    app.stop().await;
}
