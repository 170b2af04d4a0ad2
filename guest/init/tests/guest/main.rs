//! The guest from outside: the real binary as an ordinary process, spoken to over its pipes as the engine does.

mod command;
mod ending;
mod files;
mod grace;
mod greeting;
mod input;
mod keyrings;
mod output;
mod reset;
mod staying;
mod steps;
mod support;
mod way_out;
