//! A fresh directory, files in it, and the program run there.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use subsel::{Draws, Stream};
use subsel_formats::{Dtype, NpyWriter, Rows};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_subsel");

/// A directory that goes when the test ends.
pub(crate) struct Dir(tempfile::TempDir);

/// What a run of the program left.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Dir {
    pub(crate) fn new() -> Self {
        Dir(tempfile::tempdir().expect("a temporary directory"))
    }

    /// A directory with a pool `pool.npy` of random rows.
    pub(crate) fn with_pool(n: usize, d: usize) -> Self {
        let dir = Dir::new();
        dir.write_npy("pool.npy", &rows(n, d), d);
        dir
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("the file is written");
    }

    pub(crate) fn write_npy(&self, name: &str, values: &[f32], d: usize) {
        let path = self.path(name);
        let mut writer = NpyWriter::create(&path, Dtype::F32, values.len() / d, d, true).expect("npy begins");
        writer.push(Rows::from_f32(values, d)).expect("npy takes rows");
        writer.finish().expect("npy ends");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names of the files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the directory is there");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program with these arguments, to be changed before it runs.
    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args.split_whitespace()).current_dir(self.0.path());
        command.env_remove("SUBSEL_ISA").env_remove("RAYON_NUM_THREADS");
        // What is kept for later runs stays with the test, and out of sight.
        command.env("XDG_CACHE_HOME", self.0.path().join("photos/.cache"));
        command
    }

    /// Runs the program with these arguments, parted by blanks.
    pub(crate) fn run(&self, args: &str) -> Run {
        Run::of(self.command(args).output().expect("the program starts"))
    }

    /// Runs a shell command in which `$SUBSEL` is the program.
    pub(crate) fn shell(&self, script: &str) -> Run {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.0.path()).env("SUBSEL", PROGRAM);
        Run::of(command.output().expect("the shell starts"))
    }

    /// Runs the program, which must succeed.
    pub(crate) fn ok(&self, args: &str) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, Some(0), "subsel {args}: {}", run.stderr);
        run
    }

    /// Runs the program, which must succeed and print JSON.
    pub(crate) fn json(&self, args: &str) -> Value {
        let run = self.ok(args);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("subsel {args}: {error}: {}", run.stdout))
    }

    /// Runs the program, which must fail with this code and this stderr and leave no file behind.
    pub(crate) fn refuses(&self, args: &str, code: i32, stderr: &str) {
        let before = self.names();
        let run = self.run(args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), stderr), "subsel {args}");
        assert_eq!(run.stdout, "", "subsel {args} prints no result");
        assert_eq!(self.names(), before, "subsel {args} leaves no file");
    }

    /// The column of a csv without quotes.
    pub(crate) fn column(&self, name: &str, column: &str) -> Vec<String> {
        let text = self.read(name);
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
        let place = header.iter().position(|name| *name == column).unwrap_or_else(|| panic!("{column} in {header:?}"));
        lines.map(|line| line.split(',').nth(place).expect("a cell").to_owned()).collect()
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program speaks UTF-8");
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Random rows from -1 to 1, with lengths that vary.
pub(crate) fn rows(n: usize, d: usize) -> Vec<f32> {
    let mut draws = Draws::new(Stream::new(1, "test rows"));
    let mut row = || {
        let scale = 0.2 + draws.unit();
        (0..d).map(|_| (scale * (2.0 * draws.unit() - 1.0)) as f32).collect::<Vec<_>>()
    };
    (0..n).flat_map(|_| row()).collect()
}
