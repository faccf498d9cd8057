//! The module for Python: `moim_engine._engine`. Documented in `_engine.pyi`.
//!
//! Each call is one command on a queue, made while other Python threads may run. Media threads
//! never enter the interpreter.

// PyO3 asks for the documentation in the stub, not here.
#![allow(missing_docs)]

mod engine;
mod events;

use pyo3::prelude::*;

/// The module.
#[pymodule]
#[pyo3(name = "_engine")]
fn engine_module(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    engine::register(m)?;
    events::register(m)
}
