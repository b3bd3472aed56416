//! Each route on its own; the folders mirror those of the API.

mod assets;
mod conventions;
mod folders;
mod forms;
mod library;
mod runs;
mod uploads;
