//! The program `subsel`. All of it is in the library beside, so that other packages can carry the same program.

fn main() -> std::process::ExitCode {
    subsel_cli::main(std::env::args_os()).into()
}
