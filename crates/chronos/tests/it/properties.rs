//! What holds for every input of the API. The inputs are generated from the API's own description
//! (`/api/v1/openapi.json`): a field that is added to it is tried here as well, or the tests fail and ask which
//! texts it takes.

mod again;
mod generate;
mod judge;
mod merge;
mod patch;
mod refusals;
mod schema;
mod texts;
mod world;
