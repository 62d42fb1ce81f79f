//! Why a verdict of ours is not curl's: the headings of `docs/responses.md`, where each is explained.

pub const STATUS_LINE: &str = "A status line is read by its number";
pub const FIELDS: &str = "A header field that cannot be read is passed over";
pub const FOLDED: &str = "A folded line belongs to the one before it";
pub const AMBIGUOUS: &str = "A length that contradicts itself is an error";
pub const LENGTH: &str = "A length counts where it can be read";
pub const HEAD_SIZE: &str = "Past 300 KiB of head the status decides";
pub const CODING: &str = "A coding is not undone";
pub const KEPT_BODY: &str = "Only the start of a body is kept";
pub const CHUNKS: &str = "A chunk is what its size says";
pub const LAST_CHUNK: &str = "The last chunk ends the body";
pub const INTERIM: &str = "An interim response is no answer";
pub const EARLY_RESET: &str = "A reset behind an early answer ends it";
pub const BEGUN: &str = "An answer that has begun is not asked for again";
pub const IDLE: &str = "A 408 on a kept connection is no answer";
pub const KEPT: &str = "A connection is kept only where that is safe";
pub const FOLLOWED: &str = "Which redirects are followed";
pub const METHOD: &str = "The method after a redirect";
pub const LOCATION: &str = "A location is read as browsers read it";
pub const REFUSED: &str = "A redirect that is not followed is the answer";
pub const AWAY: &str = "What goes to another origin";
pub const PASSED_OVER: &str = "The body of a redirect is not waited for";
pub const WAIT: &str = "Retry-After is a number of seconds or a date";
