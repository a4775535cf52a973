//! `subsel convert`: a pool in another format.

use subsel_formats::{ConvertOptions, OpenOptions, convert, open};

use crate::args::{ConvertArgs, DtypeArg};
use crate::failure::{DONE, Failure};
use crate::messages::{self, count};

/// Runs the command.
pub(crate) fn run(args: ConvertArgs) -> Result<u8, Failure> {
    let options = OpenOptions {
        column: args.column.clone(),
        id_column: args.id_column.clone(),
        scratch_dir: args.scratch.clone(),
        join: args.join.join(),
        dtype: None,
    };
    if args.output.is_file() && !args.force {
        return Err(subsel_formats::Error::Exists { path: args.output.clone() }.into());
    }
    let opened = open(&args.inputs, &options)?;
    let same = |part: &subsel_formats::Part| same_file(part.path.as_ref(), &args.output);
    if opened.parts.iter().any(same) {
        return Err(Failure::new(format!("{} is both the input and the output", args.output.display())));
    }
    let options = ConvertOptions { dtype: args.dtype.map(DtypeArg::dtype), force: args.force, row_group_rows: None };
    let notes = convert(&opened, &args.output, &options)?;
    if !args.quiet {
        opened.notes.iter().chain(&notes).for_each(|note| messages::note(note));
        let (n, d) = (opened.source.n_rows(), opened.source.dim());
        messages::say(&format!("{} rows of {} values in {}", count(n), count(d), args.output.display()));
    }
    Ok(DONE)
}

fn same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    matches!((std::fs::canonicalize(a), std::fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}
