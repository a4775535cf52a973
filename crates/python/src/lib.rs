//! The extension module `subsel._native`: what the Python package needs of the library and the program. It converts, lets
//! go of the interpreter, calls, and converts; every default, rule and message is theirs.

mod array;
mod call;
mod convert;
mod error;
mod listed;
mod progress;
mod table;
mod training;

use pyo3::prelude::*;

/// Numerics, readers and methods of subsel.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<convert::Table>()?;
    module.add_class::<training::Tracker>()?;
    module.add_function(wrap_pyfunction!(call::call, module)?)?;
    module.add_function(wrap_pyfunction!(call::export, module)?)?;
    module.add_function(wrap_pyfunction!(call::main, module)?)?;
    module.add_function(wrap_pyfunction!(call::write, module)?)?;
    module.add_function(wrap_pyfunction!(convert::picture, module)?)?;
    module.add_function(wrap_pyfunction!(listed::methods, module)?)?;
    module.add_function(wrap_pyfunction!(listed::scores, module)?)?;
    module.add_function(wrap_pyfunction!(listed::method_text, module)?)?;
    module.add_function(wrap_pyfunction!(error::in_python, module)?)?;
    Ok(())
}
