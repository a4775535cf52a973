//! Where networks run, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::engine::{Cpu, Engine};

/// A device that networks run on: `cpu`, `cuda` or `cuda:1`; in mixed precision `cuda-mixed` or `cuda-mixed:1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU, by number. Needs the feature `cuda`, a driver and NVRTC.
    Cuda(usize),
    /// The same in mixed precision: maps as bf16, weights, moments and losses as f32. Needs a GPU that knows bf16, which
    /// those since 2020 do (compute capability 8.0).
    CudaMixed(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(0) => f.write_str("cuda"),
            Device::Cuda(i) => write!(f, "cuda:{i}"),
            Device::CudaMixed(0) => f.write_str("cuda-mixed"),
            Device::CudaMixed(i) => write!(f, "cuda-mixed:{i}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = "cpu, cuda, cuda:1, .., cuda-mixed, cuda-mixed:1, ..";
        let unknown = || Error::Unknown { what: "device", name: text.into(), known: known.into() };
        let (name, number) = text.split_once(':').unwrap_or((text, "0"));
        let number = number.parse().map_err(|_| unknown())?;
        match name {
            "cpu" if text == name => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(number)),
            "cuda-mixed" => Ok(Device::CudaMixed(number)),
            _ => Err(unknown()),
        }
    }
}

/// Work that is done on whatever engine a device has.
pub(crate) trait Job {
    /// What it comes to.
    type Output;

    /// Does it.
    fn run<E: Engine>(self, engine: E) -> Result<Self::Output, Error>;
}

impl Device {
    /// Does work on this device.
    ///
    /// # Errors
    /// [`Error::Device`] where it is not there; those of the work.
    pub(crate) fn run<J: Job>(self, job: J) -> Result<J::Output, Error> {
        match self {
            Device::Cpu => job.run(Cpu::new()),
            Device::Cuda(number) | Device::CudaMixed(number) => cuda::run(self, number, job),
        }
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// [`Error::Device`] where it cannot.
    pub fn check(self) -> Result<(), Error> {
        struct Nothing;
        impl Job for Nothing {
            type Output = ();

            fn run<E: Engine>(self, _engine: E) -> Result<(), Error> {
                Ok(())
            }
        }
        self.run(Nothing)
    }
}

#[cfg(not(feature = "cuda"))]
mod cuda {
    use super::{Device, Error, Job};

    pub(super) fn run<J: Job>(device: Device, _number: usize, _job: J) -> Result<J::Output, Error> {
        Err(Error::Device {
            device: device.to_string(),
            detail: "this build has no CUDA".into(),
            hint: "build with the feature `cuda`, or use `cpu`".into(),
        })
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use burn::backend::Cuda;
    use burn::backend::cuda::CudaDevice;

    use super::{Device, Error, Job};
    use crate::engine::{Engine, OnBurn};

    pub(super) fn run<J: Job>(device: Device, number: usize, job: J) -> Result<J::Output, Error> {
        let failed = |detail: String| Error::Device {
            device: device.to_string(),
            detail,
            hint: "a driver for CUDA and its compiler library NVRTC are needed, and a GPU of that number; or use `cpu`"
                .into(),
        };
        if !driver_is_there() {
            return Err(failed("there is no NVIDIA driver".into()));
        }
        // The first kernel is where a missing library shows, as a panic of the crate that loads it.
        let begin = || {
            let place = CudaDevice::new(number);
            let engine = match device {
                Device::CudaMixed(_) => OnBurn::<Cuda>::mixed(place),
                _ => OnBurn::<Cuda>::new(place),
            };
            engine.map_values(&engine.maps([1; 4], vec![1.0]));
            engine
        };
        let engine = catch_unwind(AssertUnwindSafe(begin)).map_err(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
            failed(said.unwrap_or_else(|| "it does not start".into()))
        })?;
        job.run(engine)
    }

    /// Whether the kernel's side of the driver is loaded: asking the library itself would panic where there is none.
    fn driver_is_there() -> bool {
        let native = ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"];
        !cfg!(target_os = "linux") || native.iter().any(|path| std::path::Path::new(path).exists())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_back_from_their_names() {
        for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(3), Device::CudaMixed(0), Device::CudaMixed(2)] {
            assert_eq!(device.to_string().parse::<Device>().expect("its name"), device);
        }
        for wrong in ["gpu", "cuda:", "cpu:1", "cpu:0", "cuda:x", "mixed", ""] {
            let error = wrong.parse::<Device>().expect_err("no device");
            assert!(error.hint().expect("names").contains("cuda"), "{wrong}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_with_a_hint() {
        Device::Cpu.check().expect("always there");
        if cfg!(feature = "cuda") && std::path::Path::new("/dev/nvidiactl").exists() {
            return;
        }
        let error = Device::Cuda(0).check().expect_err("none here");
        assert!(error.to_string().starts_with("device `cuda` cannot be used"), "{error}");
        assert!(error.hint().expect("a hint").contains("cpu"));
    }
}
