//! Where the library of ONNX Runtime may lie.

use std::env::{consts, split_paths, var_os};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A library of ONNX Runtime that may be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The file.
    pub path: PathBuf,
    /// Whether the user named it: then there is no other.
    pub named: bool,
}

/// Names the library.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Tells where Python has the package, without running it; not from the current directory, where anybody may have put one.
const FIND: &str = "import sys, importlib.util; sys.path = [p for p in sys.path if p]; \
                    s = importlib.util.find_spec('onnxruntime'); print(s.submodule_search_locations[0] if s else '')";

impl Library {
    /// Whether the user names the library.
    pub(super) fn is_named() -> bool {
        named().is_some()
    }

    /// Libraries in the order in which they are tried: what `ORT_DYLIB_PATH` names, and nothing else then; those in the
    /// directories of the system's libraries; that of the Python package `onnxruntime` in the active environment
    /// (`VIRTUAL_ENV`, `CONDA_PREFIX`), else of `python3`, which is asked only when it comes to that.
    pub fn find() -> impl Iterator<Item = Library> {
        let named = named();
        let others = if named.is_some() { Vec::new() } else { system() };
        let packages = named.is_none().then(|| std::iter::once_with(|| in_environments().or_else(of_python)));
        let others = others
            .into_iter()
            .filter_map(|directory| in_directory(&directory))
            .chain(packages.into_iter().flatten().flatten());
        let others = others.map(|path| Library { path, named: false });
        named.map(|path| Library { path, named: true }).into_iter().chain(others)
    }
}

/// What the user names.
fn named() -> Option<PathBuf> {
    var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Directories of libraries.
fn system() -> Vec<PathBuf> {
    let variable = if cfg!(windows) {
        "PATH"
    } else if cfg!(target_os = "macos") {
        "DYLD_LIBRARY_PATH"
    } else {
        "LD_LIBRARY_PATH"
    };
    let mut directories: Vec<PathBuf> = var_os(variable).map(|paths| split_paths(&paths).collect()).unwrap_or_default();
    // Windows has one of its own that is older than we can use, where it has one.
    if !cfg!(windows) {
        let multiarch = format!("/usr/lib/{}-linux-gnu", consts::ARCH);
        let usual = ["/usr/local/lib", "/usr/local/lib64", "/opt/homebrew/lib", "/usr/lib", "/usr/lib64", &multiarch];
        directories.extend(usual.iter().map(PathBuf::from));
        directories.push("/opt/onnxruntime/lib".into());
    }
    directories.retain(|directory| directory.is_absolute());
    directories
}

/// The library in a directory: of several versions the one without, else the last by name.
fn in_directory(directory: &Path) -> Option<PathBuf> {
    let plain = format!("{}onnxruntime{}", consts::DLL_PREFIX, consts::DLL_SUFFIX);
    let stem = format!("{}onnxruntime.", consts::DLL_PREFIX);
    let names = std::fs::read_dir(directory).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // `libonnxruntime.so.1.31.1`, `libonnxruntime.1.31.1.dylib`; not `libonnxruntime_providers_shared.so`.
    let is_one = |name: &String| name.starts_with(&stem) && name.contains(consts::DLL_SUFFIX);
    let found = names.filter(is_one).max_by_key(|name| (*name == plain, name.clone()))?;
    Some(directory.join(found))
}

/// That of the Python package in the active environment.
fn in_environments() -> Option<PathBuf> {
    let prefixes = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(var_os).map(PathBuf::from);
    prefixes.into_iter().find_map(|prefix| {
        let mut packages = vec![prefix.join("Lib/site-packages")];
        let versions = std::fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten();
        packages.extend(versions.map(|version| version.path().join("site-packages")));
        packages.sort();
        packages.iter().find_map(|packages| in_directory(&packages.join("onnxruntime/capi")))
    })
}

/// That of the Python package of `python3`.
fn of_python() -> Option<PathBuf> {
    let name = if cfg!(windows) { "python" } else { "python3" };
    let asked = Command::new(name).args(["-c", FIND]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let package = String::from_utf8(asked.stdout).ok()?;
    let package = package.trim();
    if package.is_empty() { None } else { in_directory(&Path::new(package).join("capi")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_a_directory_is_told_from_what_lies_beside_it() {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let name = |middle: &str| format!("{}onnxruntime{middle}{}", consts::DLL_PREFIX, consts::DLL_SUFFIX);
        let write = |name: &str| std::fs::write(dir.path().join(name), "").unwrap_or_else(|error| panic!("{error}"));
        write(&name("_providers_shared"));
        write("onnxruntime.txt");
        assert_eq!(in_directory(dir.path()), None);
        for version in [".1.18.0", ".1.20.1"] {
            write(&if cfg!(target_os = "linux") { format!("{}{version}", name("")) } else { name(version) });
        }
        let found = in_directory(dir.path()).unwrap_or_default();
        assert!(found.to_string_lossy().contains("1.20.1"), "{}", found.display());
        write(&name(""));
        assert_eq!(in_directory(dir.path()), Some(dir.path().join(name(""))));
        assert_eq!(in_directory(&dir.path().join("absent")), None);
    }
}
