//! All questions, one after the other, while nothing else is done.

use std::time::Duration;

use chronos_client::Client;

use super::ask::{Ask, Asker, DEEP, Took, holds};
use super::places::Places;
use crate::Result;
use crate::bench::api;

/// Pages behind each percentile, and those before them, in which caches are cold.
const PAGES: usize = 40;
const COLD: usize = 5;
/// How long the server may take to have all that is made in the background.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long the pages of a question took, in one of its orders, and what they held.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// How long.
    pub took: Took,
    /// How many things all of them held.
    pub held: usize,
}

/// Waits until the server has its search file and its timetable.
pub async fn until_warm(client: &Client) -> Result<()> {
    let begun = std::time::Instant::now();
    loop {
        let metrics = client.text("/metrics").await?;
        let searches = metrics.lines().any(|line| line == "chronos_search_complete 1");
        let density = api::json(client, "/api/v1/schedules/density").await?;
        if searches && density["complete"] == true {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("the search file or the timetable is not whole within {PATIENCE:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks all of them.
pub async fn all(client: &Client, places: &Places, asks: &[Ask]) -> Result<Vec<Asked>> {
    let mut asker = Asker::new(client, places, 0);
    let mut all = Vec::with_capacity(asks.len());
    for ask in asks {
        let mut cold = 0;
        while cold < COLD {
            cold += asker.go(*ask, DEEP).await?.len();
        }
        let mut asked = Asked::default();
        while asked.took.pages() < PAGES {
            for page in asker.go(*ask, DEEP.min(PAGES - asked.took.pages())).await? {
                asked.took.add(&page);
                asked.held += page.body.as_deref().map_or(Ok(0), holds)?;
            }
        }
        all.push(asked);
    }
    Ok(all)
}
