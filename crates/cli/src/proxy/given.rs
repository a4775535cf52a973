//! What a run by proxy is made on: the pool, its classes, and test rows.

use std::path::PathBuf;

use subsel::plan::{Shape, plan as plan_method};
use subsel::{Classes, Context, parse_method};
use subsel_formats::Ids;
use subsel_images::{ImageSet, Pixels, SetOptions};
use subsel_proxy::{Plan, Score};

use crate::args::{ImageArgs, KnownArgs, ProxyArgs};
use crate::compare::given::{Examples, join};
use crate::failure::Failure;
use crate::input::{Loaded, Request, load};
use crate::proxy::models;
use crate::run::rates;
use crate::side::{self, Given, Role};
use crate::{images, memory, messages};

/// What is known of pool and test rows.
pub(super) struct Known {
    /// The embeddings, where there are some.
    pub(super) loaded: Option<Loaded>,
    /// Classes of the pool.
    pub(super) labels: Option<Classes>,
    /// Classes of the test rows, named alike.
    pub(super) test: Option<Classes>,
    /// Test rows with their embeddings.
    pub(super) examples: Option<subsel_metrics::Examples>,
    pub(super) notes: Vec<String>,
    /// Names of the rows of the pool, where they have some.
    pub(super) ids: Option<Ids>,
    /// The pictures, where networks learn.
    pub(super) pictures: Option<Pictures>,
    n: usize,
}

/// Pool and test rows as pictures.
pub(super) struct Pictures {
    pub(super) pool: Pixels,
    pub(super) test: Option<Pixels>,
}

impl Known {
    /// Reads what the options name.
    pub(super) fn read(args: &ProxyArgs, ctx: &mut Context) -> Result<Self, Failure> {
        if models::are_networks(args) {
            return Self::with_images(args, ctx);
        }
        let column = args.read.column.as_deref();
        if args.test_features.is_some() && args.test_labels.is_none() {
            return Err(Failure::usage("`--test-features` needs `--test-labels`"));
        }
        let mut known = match args.read.inputs.is_empty() {
            false => Self::with_pool(args, ctx)?,
            true => Self::without_pool(args)?,
        };
        let Some(path) = &args.test_labels else { return Ok(known) };
        if known.examples.is_none() {
            let values = side::column(path, column)?;
            let names = side::texts(values);
            let test = Classes::from_names(&names);
            known.test = Some(match &mut known.labels {
                Some(labels) => {
                    let (test, notes) = join(labels, &test);
                    known.notes.extend(notes);
                    test
                }
                None => test,
            });
        }
        Ok(known)
    }

    /// Pictures, with their own classes unless others are given.
    fn with_images(args: &ProxyArgs, ctx: &Context) -> Result<Self, Failure> {
        let ImageArgs { test_images, test_split, side } = &args.images;
        if args.read.inputs.is_empty() {
            return Err(
                Failure::usage("networks learn from images").hint("name them first, such as `subsel proxy images/`")
            );
        }
        let on_broken = images::on_broken(args.read.skip_broken);
        let load = |paths: &[PathBuf], split: Option<&String>, (labels, option): (Option<&PathBuf>, &str)| {
            let options =
                SetOptions { column: args.read.column.clone(), split: split.cloned(), ..SetOptions::default() };
            let set = ImageSet::open(paths, &options)?;
            let (pixels, notes) = images::pixels(&set, *side, on_broken, ctx)?;
            let (labels, known) = images::classes(&set, &pixels, labels, option)?;
            match known.iter().position(|known| !known) {
                Some(at) => {
                    Err(Failure::new(format!("image {at} has no class")).hint("a run by proxy needs those of all"))
                }
                None => {
                    let names = match set.ids() {
                        // Numbers that only count the images name nothing.
                        Ids::Int(_) if pixels.len() == set.len() => None,
                        Ids::Int(ids) => Some(Ids::Int(pixels.rows().iter().map(|row| ids[*row]).collect())),
                        Ids::Text(ids) => Some(Ids::Text(pixels.rows().iter().map(|row| ids[*row].clone()).collect())),
                    };
                    Ok((pixels, labels, names, notes))
                }
            }
        };
        let (pool, mut labels, ids, mut notes) = load(&args.read.inputs, None, (args.labels.as_ref(), "--labels"))?;
        let test = match test_images.is_empty() {
            true => None,
            false => {
                let (pixels, classes, _, more) =
                    load(test_images, test_split.as_ref(), (args.test_labels.as_ref(), "--test-labels"))?;
                notes.extend(more);
                let (classes, more) = join(&mut labels, &classes);
                notes.extend(more);
                Some((pixels, classes))
            }
        };
        notes.dedup();
        let (test_pixels, mut test) = test.map_or((None, None), |(pixels, classes)| (Some(pixels), Some(classes)));
        if let (None, Some(path)) = (&test, &args.test_labels) {
            // Of test rows that a program of the user's tells.
            let names = side::texts(side::column(path, args.read.column.as_deref())?);
            let (classes, more) = join(&mut labels, &Classes::from_names(&names));
            notes.extend(more);
            test = Some(classes);
        }
        let n = pool.len();
        let pictures = Some(Pictures { pool, test: test_pixels });
        Ok(Known { loaded: None, labels: Some(labels), test, examples: None, notes, ids, n, pictures })
    }

    fn with_pool(args: &ProxyArgs, ctx: &mut Context) -> Result<Self, Failure> {
        let of_rows = KnownArgs { labels: args.labels.clone(), ..KnownArgs::default() };
        let (request, side) = Request::new(&args.read)?.knowing(&of_rows);
        let mut loaded = load(&request, &side, args.read.scratch.as_deref(), None, ctx)?;
        let mut notes = std::mem::take(&mut loaded.notes);
        let n = loaded.source.n_rows();
        let mut examples = None;
        let labels = {
            let (_, mut pool) = loaded.pool();
            if let (Some(features), Some(labels)) = (&args.test_features, &args.test_labels) {
                let read = Examples::open(features, labels, &args.read, &mut pool)?;
                notes.extend(read.notes);
                examples = read.test;
            }
            pool.known.labels.take()
        };
        let named = |test: &subsel_metrics::Examples| {
            let names = labels.as_ref().map_or_else(Vec::new, |labels| labels.names.clone());
            Classes { codes: test.labels().to_vec(), names }
        };
        // Without classes of the pool those of the test rows are numbered by themselves, and read again.
        let test = examples.as_ref().filter(|_| labels.is_some()).map(named);
        let examples = examples.filter(|_| labels.is_some());
        let ids = loaded.ids.clone();
        Ok(Known { loaded: Some(loaded), labels, test, examples, notes, ids, n, pictures: None })
    }

    fn without_pool(args: &ProxyArgs) -> Result<Self, Failure> {
        let Some(path) = &args.labels else {
            return Err(Failure::usage("nothing says how many rows the pool has")
                .hint("`--labels FILE` has one class per row; embeddings, where there are some, are named first"));
        };
        let given = Given::File(path.clone());
        let names = side::texts(side::column(path, args.read.column.as_deref())?);
        if names.is_empty() {
            return Err(subsel::Error::EmptyPool.into());
        }
        let labels = side::classes(Role::Labels, &given, args.read.column.as_deref(), names.len())?;
        let n = names.len();
        Ok(Known {
            loaded: None,
            labels: Some(labels),
            test: None,
            examples: None,
            notes: Vec::new(),
            ids: None,
            n,
            pictures: None,
        })
    }

    /// Rows of the pool.
    pub(super) fn n(&self) -> usize {
        self.n
    }

    /// Refuses a run beyond the memory allowed. What programs of the user's take is theirs.
    pub(super) fn check_memory(
        &mut self,
        args: &ProxyArgs,
        plan: &Plan,
        classes: usize,
        ctx: &mut Context,
    ) -> Result<(), Failure> {
        let n = self.n as u64;
        // Outputs as they are told and as they are read back, of both models where they are compared; scores, orders,
        // what a training is tracked by.
        let outputs = 4 * n * classes.max(2) as u64;
        let models = if plan.setting.compare_target { 2 } else { 1 };
        let rows = outputs * (2 + models) + n * (160 + 56);
        let test = self.examples.as_ref().map_or(0, |test| (test.len() * (8 * test.width() + 16 * classes)) as u64);
        let names: usize = self.labels.iter().flat_map(|labels| &labels.names).map(|name| name.len() + 24).sum();
        let beside = rows + test + names as u64;
        let Some(loaded) = &mut self.loaded else { return memory::check(beside, args.run.max_memory) };
        let dim = loaded.source.dim() as u64;
        let is_built_in = args.train_cmd.is_none() && (args.proxy_cmd.is_none() || args.target_cmd.is_none());
        // Rows learned from: as gathered, padded, and standardized in f64.
        let most = if plan.sizes.is_empty() || plan.setting.full {
            n
        } else {
            plan.sizes.last().map_or(n, |size| *size as u64)
        };
        let learned = if is_built_in { most * (dim + 16) * 16 } else { 0 };
        let far = parse_method("k-center").map_err(subsel::Error::from)?;
        let rates = rates(ctx);
        let (loaded, pool) = loaded.pool();
        let planned = |shape: &Shape| {
            let chosen = match plan.score {
                Score::KCenter => {
                    plan_method(&*far, shape, plan.budgets.last().map_or(1, |(_, size)| *size), &rates).peak_bytes
                }
                _ => 32 * n,
            };
            beside + loaded.bytes() + learned.max(chosen)
        };
        let granted = memory::grant(&pool, ctx, args.run.max_memory, planned)?;
        if !args.say.quiet && granted > 1 << 34 {
            messages::note(&format!("this may take {} of memory", subsel::plan::bytes_text(granted)));
        }
        Ok(())
    }
}
