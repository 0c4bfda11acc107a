//! Walks over all records: what they have not seen is deleted, once they have ended, and only that.

use crosswalk::destination::{StreamState, WalkEnd};
use serde_json::{Value, json};

use crate::stage::{Runner, Stage, accounts, row};

on_both!(
    what_a_walk_has_not_seen_is_marked,
    the_end_of_a_large_walk_is_written_in_parts,
    an_end_that_was_interrupted_is_finished_later,
    pages_between_walks_count_as_seen,
    another_pipelines_rows_are_not_marked,
    generations_grow_even_where_cursors_were_forgotten,
    a_forgotten_pipeline_is_refused,
);

impl Runner {
    async fn begin_walk(&self, cursor: &str) -> StreamState {
        self.destination
            .begin_walk(&self.key, &self.table, self.fence, Some(cursor))
            .await
            .unwrap()
    }

    async fn finish_walk(&self, cursor: &str) -> u64 {
        let finished = self
            .destination
            .finish_walk(WalkEnd {
                key: &self.key,
                table: &self.table,
                fence: self.fence,
                cursor: Some(cursor),
            })
            .await
            .unwrap();
        assert_eq!(finished.state.cursor.as_deref(), Some(cursor));
        finished.deleted
    }
}

async fn deleted(stage: &Stage) -> Vec<String> {
    stage
        .rows(&accounts())
        .await
        .into_iter()
        .filter(|(_, row)| row["_deleted"] == true)
        .map(|((connection, id), row)| {
            assert!(row["_deleted_at"].is_string());
            format!("{connection} {id}")
        })
        .collect()
}

async fn what_a_walk_has_not_seen_is_marked(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    assert_eq!(runner.begin_walk("start").await.generation, 1);
    runner
        .apply(
            &[
                json!({"id": "a", "name": "A"}),
                json!({"id": "b"}),
                json!({"id": "c"}),
            ],
            "end",
        )
        .await
        .unwrap();
    assert_eq!(runner.finish_walk("done").await, 0);
    let other = Runner {
        key: crosswalk::destination::StreamKey {
            connection_id: "conn_2".to_owned(),
            ..runner.key.clone()
        },
        destination: runner.destination.clone(),
        table: accounts(),
        fence: 1,
    };
    other.destination.claim(&other.key, 1).await.unwrap();
    other.apply(&[json!({"id": "b"})], "x").await.unwrap();

    let before = stage.rows(&accounts()).await;
    assert_eq!(runner.begin_walk("again").await.generation, 2);
    assert_eq!(
        runner
            .apply(&[json!({"id": "a", "name": "A"})], "end")
            .await
            .unwrap()
            .written,
        1
    );
    assert!(deleted(&stage).await.is_empty(), "only at the end");
    assert_eq!(runner.finish_walk("done").await, 2);
    assert_eq!(deleted(&stage).await, ["conn_1 b", "conn_1 c"]);
    let after = stage.rows(&accounts()).await;
    assert_eq!(
        row(&after, "a")["_synced_at"],
        row(&before, "a")["_synced_at"],
        "it is the same as before"
    );
    assert_eq!(runner.finish_walk("done").await, 0, "twice is as once");
}

async fn the_end_of_a_large_walk_is_written_in_parts(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    let all: Vec<Value> = (0..12_001).map(|n| json!({"id": format!("{n}")})).collect();
    runner.apply(&all, "1").await.unwrap();
    runner.begin_walk("2").await;
    runner.apply(&all[..1], "3").await.unwrap();
    assert_eq!(runner.finish_walk("done").await, 12_000);
    assert_eq!(deleted(&stage).await.len(), 12_000);
    // As many as go into one part exactly.
    runner.begin_walk("4").await;
    runner.apply(&all[..5_001], "5").await.unwrap();
    runner.begin_walk("6").await;
    runner.apply(&all[..1], "7").await.unwrap();
    assert_eq!(runner.finish_walk("done").await, 5_000);
}

async fn an_end_that_was_interrupted_is_finished_later(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    let all: Vec<Value> = (0..5_100)
        .map(|n| json!({"id": format!("{n:05}")}))
        .collect();
    runner.apply(&all, "1").await.unwrap();
    runner.begin_walk("2").await;
    let spoil = if stage.is_postgres() {
        "ALTER TABLE crm_account ADD CONSTRAINT spoil CHECK (id <> '05050' OR NOT _deleted)"
    } else {
        "CREATE TRIGGER spoil BEFORE UPDATE ON crm_account WHEN NEW.id = '05050' BEGIN SELECT RAISE(ABORT, 'no'); END"
    };
    stage.sql(spoil).await;
    let end = WalkEnd {
        key: &runner.key,
        table: &runner.table,
        fence: 1,
        cursor: Some("done"),
    };
    runner.destination.finish_walk(end).await.unwrap_err();
    assert_eq!(
        deleted(&stage).await.len(),
        5_000,
        "the first part is written"
    );
    assert_eq!(runner.cursor().await.as_deref(), Some("2"));
    let mend = if stage.is_postgres() {
        "ALTER TABLE crm_account DROP CONSTRAINT spoil"
    } else {
        "DROP TRIGGER spoil"
    };
    stage.sql(mend).await;
    assert_eq!(runner.finish_walk("done").await, 100);
}

async fn pages_between_walks_count_as_seen(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    runner.begin_walk("1").await;
    runner.apply(&[json!({"id": "a"})], "2").await.unwrap();
    runner.finish_walk("3").await;
    runner.apply(&[json!({"id": "b"})], "4").await.unwrap();
    assert_eq!(
        runner.finish_walk("3").await,
        0,
        "the end of the same walk, again"
    );
    assert!(deleted(&stage).await.is_empty());
}

async fn another_pipelines_rows_are_not_marked(stage: Stage) {
    let first = Runner::of(&stage, &accounts()).await;
    let mut second = Runner::of(&stage, &accounts()).await;
    "pipe_2".clone_into(&mut second.key.pipeline);
    second.destination.claim(&second.key, 7).await.unwrap();
    second.fence = 7;
    second.begin_walk("1").await;
    second
        .apply(&[json!({"id": "a"}), json!({"id": "b"})], "2")
        .await
        .unwrap();
    second.finish_walk("3").await;

    assert_eq!(first.begin_walk("1").await.generation, 2);
    first.apply(&[json!({"id": "a"})], "2").await.unwrap();
    // A change that the other pipeline reads meanwhile, of a record that the walk has passed already or never saw.
    second
        .apply(
            &[json!({"id": "a", "name": "new"}), json!({"id": "c"})],
            "4",
        )
        .await
        .unwrap();
    first.finish_walk("3").await;
    assert_eq!(deleted(&stage).await, ["conn_1 b"]);
}

async fn generations_grow_even_where_cursors_were_forgotten(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    for _ in 0..3 {
        runner.begin_walk("1").await;
    }
    runner.apply(&[json!({"id": "a"})], "2").await.unwrap();
    stage.sql("DELETE FROM _crosswalk_streams").await;
    runner.destination.claim(&runner.key, 1).await.unwrap();
    assert_eq!(runner.begin_walk("1").await.generation, 4);
    assert_eq!(runner.finish_walk("2").await, 1);
}

async fn a_forgotten_pipeline_is_refused(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
    runner.destination.forget("pipe_1").await.unwrap();
    assert_eq!(runner.destination.state(&runner.key).await.unwrap(), None);
    let refused = runner.apply(&[json!({"id": "b"})], "2").await.unwrap_err();
    assert_eq!(refused, crosswalk::destination::DestinationError::Fenced);
    assert_eq!(stage.rows(&accounts()).await.len(), 1, "its rows stay");
}
