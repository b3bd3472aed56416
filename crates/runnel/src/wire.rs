//! The wiring: from settings to services, from services to a running server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use runnel_api::server::Patience;
use runnel_blobs::UrlSigner;
use runnel_domain::assets::{Programs, Transforms};
use runnel_domain::deliveries::Circuits;
use runnel_domain::runs::MemoryLine;
use runnel_domain::{BodyMemory, FairSlots, Limits, Memory, Meters, Rates, Services, ThreadSlots};
use runnel_domain::{thumbnails, uploads};
use runnel_egress::{Egress, EgressConfig, Pace, Policy, Resolve, SystemResolver};
use runnel_engines::Registry;
use runnel_types::{Clock, Entropy, IdSource, JobId, SystemClock, SystemEntropy};
use runnel_worker::{Deliverer, Worker};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::config::Settings;
use crate::models::{Changes, Engines, ModelSource};
use crate::parts::{self, Role};
use crate::secret_key;
use crate::tls;

/// How long open requests get to end when the server stops.
const REQUEST_GRACE: Duration = Duration::from_secs(20);
/// How many files are fetched at once for the inputs of runs.
const FETCHES: usize = 24;
/// How many uploads are made assets at once, the wait for other bounds included.
const ADOPTIONS: usize = 256;
/// How many of them for one organization, so that its films hold up nobody else.
const ADOPTIONS_OF_ONE: usize = 64;
/// How long jobs in hand get to end when the server stops.
const JOB_GRACE: Duration = Duration::from_secs(22);

/// What differs between a machine and a test: time, randomness, and what else
/// is installed.
#[derive(Debug, Clone)]
pub struct Environment {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where random bytes come from.
    pub entropy: Arc<dyn Entropy>,
    /// Where the programs lie that read what is not read in this process.
    pub programs: Programs,
    /// How long a confirmation waits for the thumbnail of a video.
    pub thumbnail_wait: Duration,
    /// The engines that a model file may name.
    pub engines: Engines,
    /// Who finds the addresses of names for outgoing requests.
    pub resolver: Arc<dyn Resolve>,
    /// Certificate authorities, in PEM, that outgoing requests trust beside the
    /// public ones.
    pub authorities: Option<Vec<u8>>,
    /// How fast whoever sends a file that a run names by URL must be.
    pub fetch_pace: Pace,
    /// How long all files that a run names by URL may take, together.
    pub inputs_within: Duration,
    /// How many transforms may wait to be made for one organization.
    pub transforms_waiting: usize,
    /// How long the receiver of a callback may take to answer.
    pub callback_timeout: Duration,
    /// How long an `Idempotency-Key` belongs to a request of which nothing is heard.
    pub key_lease: Duration,
    /// How long a stored file stays open while its client takes nothing of it.
    pub open_file_idle: Duration,
    /// How long a client may keep the server waiting on its connection.
    pub patience: Patience,
}

impl Environment {
    /// The machine's own.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            programs: Programs::default(),
            thumbnail_wait: Limits::default().thumbnail_wait,
            engines: Engines::default(),
            resolver: Arc::new(SystemResolver),
            authorities: None,
            fetch_pace: Pace::default(),
            inputs_within: Limits::default().inputs_within,
            transforms_waiting: Transforms::WAITING,
            callback_timeout: Limits::default().callback_timeout,
            key_lease: Limits::default().key_lease,
            open_file_idle: Limits::default().open_file_idle,
            patience: Patience::default(),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct App {
    services: Arc<Services>,
    models: ModelSource,
    base_url: String,
    ca_path: Option<std::path::PathBuf>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    working: Vec<JoinHandle<()>>,
}

impl App {
    /// Opens everything, listens, and begins to serve and to work.
    ///
    /// # Errors
    /// What is wrong with a setting, or what could not be opened.
    pub async fn start(settings: Settings, environment: Environment) -> Result<Self, Failure> {
        Self::start_as(Role::Server, settings, environment).await
    }

    /// The same without the API: what listens tells how the process is. It makes
    /// neither a database nor a storage.
    ///
    /// # Errors
    /// What is wrong with a setting, what could not be opened, or what is not there.
    pub async fn start_worker(
        settings: Settings,
        environment: Environment,
    ) -> Result<Self, Failure> {
        Self::start_as(Role::Worker, settings, environment).await
    }

    async fn start_as(
        role: Role,
        settings: Settings,
        environment: Environment,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
            Failure::new(format!("cannot listen on {}: {error}", settings.listen))
                .hint("choose another address with --listen; port 0 picks a free port")
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| Failure::new(format!("cannot listen: {error}")))?;
        // ORDER: before a certificate is made in a folder that is none of a server's.
        if role != Role::Server {
            parts::database_is_there(&settings)?;
        }
        let tls = tls::acceptor(&settings, &environment)?;
        let base_url = base_url(address, settings.is_tls());
        let public_url = settings
            .public_url
            .clone()
            .unwrap_or_else(|| base_url.clone());
        let services = services(&settings, &environment, public_url, role).await?;
        let models = model_source(&settings, &environment, &services);
        if let Err(failure) = prepare(&settings, &services, &models).await {
            // So that SQLite's log is folded into its file.
            services.store.close().await;
            return Err(failure);
        }

        // Other processes' commits wake this one's workers too.
        services.store.listen();
        let stop = services.stopping.clone();
        let shared = Arc::clone(&services);
        let router = match role {
            Role::Server => runnel_api::router(shared, &settings.cors),
            Role::Worker | Role::Command => runnel_api::watch_router(shared),
        };
        let (acceptor, ca_path) = tls.map_or((None, None), |tls| (Some(tls.acceptor), tls.ca_path));
        let serving = tokio::spawn(runnel_api::server::serve(
            listener,
            acceptor,
            router,
            environment.patience,
            stop.clone(),
            REQUEST_GRACE,
        ));
        let working = (0..settings.workers)
            .map(|_| spawn_worker(&services, stop.clone()))
            .chain((settings.workers > 0).then(|| spawn_deliverer(&services, stop.clone())))
            .collect();
        Ok(Self {
            services,
            models,
            base_url,
            ca_path,
            stop,
            serving,
            working,
        })
    }

    /// Where the server listens, such as `http://127.0.0.1:8080`.
    pub fn base_url(&self) -> String {
        self.base_url.clone()
    }

    /// The certificate of the authority that signed the server's own, when the
    /// server made it.
    pub fn ca_path(&self) -> Option<&std::path::Path> {
        self.ca_path.as_deref()
    }

    /// What the server works with.
    pub const fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Reads the model file again. Runs that are at work go on with what they
    /// began with.
    ///
    /// # Errors
    /// What is wrong with the file; the models are as they were then.
    pub async fn reload_models(&self) -> Result<Changes, Failure> {
        self.models.load(&self.services.models).await
    }

    /// Executes the jobs that are due by the injected clock, one after the
    /// other, until none is; answers with how many. For servers without workers.
    pub async fn run_due_jobs(&self) -> usize {
        let name = format!("pump-{}", self.services.ids.next::<JobId>());
        let worker = Worker::new(Arc::clone(&self.services), name.clone());
        let mut deliverer = Deliverer::new(Arc::clone(&self.services), name);
        let mut done = 0;
        loop {
            let now = worker.run_due().await + deliverer.run_due().await;
            if now == 0 {
                return done;
            }
            done += now;
        }
    }

    /// Stops accepting, finishes or hands back what is in hand, closes.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.serving.await;
        for worker in self.working {
            let _ = worker.await;
        }
        self.services.store.close().await;
    }
}

/// Brings the catalogue and the database to where serving can begin.
async fn prepare(
    settings: &Settings,
    services: &Services,
    models: &ModelSource,
) -> Result<(), Failure> {
    models.load(&services.models).await?;
    if let Some(key) = &settings.bootstrap_api_key {
        services.ensure_key(key).await?;
    }
    secret_key::check(&services.store, &services.sealer).await?;
    services
        .ensure_recurring_jobs(runnel_worker::SWEEP_PAUSE)
        .await
        .map_err(Into::into)
}

fn model_source(
    settings: &Settings,
    environment: &Environment,
    services: &Services,
) -> ModelSource {
    let builtins = services.models.models().values().cloned().collect();
    ModelSource::new(
        builtins,
        settings.models.clone(),
        settings.model_variables.clone(),
        environment.engines,
        services.egress.clone(),
    )
}

fn spawn_worker(services: &Arc<Services>, stop: CancellationToken) -> JoinHandle<()> {
    let name = format!("{}-{}", std::process::id(), services.ids.next::<JobId>());
    let worker = Worker::new(Arc::clone(services), name);
    tokio::spawn(async move {
        if !worker.run(stop, JOB_GRACE).await.is_clean {
            tracing::warn!(
                "jobs were still in hand at the end; other workers take them when their leases end"
            );
        }
    })
}

/// One for the process, however many workers it has.
fn spawn_deliverer(services: &Arc<Services>, stop: CancellationToken) -> JoinHandle<()> {
    let name = format!("{}-{}", std::process::id(), services.ids.next::<JobId>());
    let deliverer = Deliverer::new(Arc::clone(services), name);
    tokio::spawn(async move {
        if !deliverer.run(stop, JOB_GRACE).await.is_clean {
            tracing::warn!(
                "deliveries were still on their way at the end; they are made again when their leases end"
            );
        }
    })
}

/// Opens the database, the storage and the rest as a server does, and makes what
/// is missing, without serving anything.
///
/// # Errors
/// What is wrong with a setting, or what could not be opened.
pub async fn open_services(
    settings: &Settings,
    environment: &Environment,
    public_url: String,
) -> Result<Arc<Services>, Failure> {
    services(settings, environment, public_url, Role::Server).await
}

/// The same for a command, which makes nothing.
///
/// # Errors
/// Also when the database or the storage is not there.
pub(crate) async fn open_for_command(settings: &Settings) -> Result<Arc<Services>, Failure> {
    parts::database_is_there(settings)?;
    services(
        settings,
        &Environment::system(),
        String::new(),
        Role::Command,
    )
    .await
}

async fn services(
    settings: &Settings,
    environment: &Environment,
    public_url: String,
    role: Role,
) -> Result<Arc<Services>, Failure> {
    let policy = Policy::parse(&settings.egress_allow).map_err(|error| {
        Failure::new(format!("RUNNEL_EGRESS_ALLOW: {error}"))
            .hint("give ranges such as 127.0.0.0/8,10.1.0.0/16")
    })?;
    let mut config = EgressConfig::new(policy).with_resolver(Arc::clone(&environment.resolver));
    if let Some(authorities) = &environment.authorities {
        config = config.with_ca(authorities.clone());
    }
    let egress = Egress::new(config).map_err(|error| Failure::new(error.to_string()))?;
    let ids = IdSource::new(
        Arc::clone(&environment.clock),
        Arc::clone(&environment.entropy),
    );
    let parts = parts::open(settings, &ids, role).await?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Arc::new(Services {
        store: parts.store,
        blobs: parts.blobs,
        signer: UrlSigner::new(parts.signing_key),
        sealer: parts.sealer,
        egress,
        models: Registry::builtin(cores),
        availability: runnel_domain::models::Availability::default(),
        clock: Arc::clone(&environment.clock),
        ids,
        limits: Limits {
            max_upload_bytes: settings.max_upload_bytes,
            max_resumable_bytes: settings.max_resumable_bytes,
            upload_url_ttl: settings.upload_url_ttl,
            asset_url_ttl: settings.asset_url_ttl,
            sweep_after: settings.upload_kept_for,
            purge_after: settings.asset_kept_for,
            thumbnail_wait: environment.thumbnail_wait,
            max_fetch_bytes: settings.max_fetch_bytes,
            fetch_pace: environment.fetch_pace,
            inputs_within: environment.inputs_within,
            callback_timeout: environment.callback_timeout,
            max_output_bytes: settings.max_output_bytes,
            key_lease: environment.key_lease,
            open_file_idle: environment.open_file_idle,
            ..Limits::default()
        },
        public_url,
        turns: uploads::Turns::default(),
        arrivals: uploads::Arrivals::default(),
        confirmations: uploads::Confirmations::default(),
        adoption_slots: FairSlots::new(ADOPTIONS)
            .of_one(ADOPTIONS_OF_ONE)
            .waited_for_by(ADOPTIONS * 2, ADOPTIONS * 8),
        pixel_slots: ThreadSlots::new(cores),
        programs: environment.programs.clone(),
        program_slots: ThreadSlots::new(cores),
        frame_slots: ThreadSlots::new(cores.div_ceil(2)),
        fetch_slots: FairSlots::new(FETCHES).leaving_room(3),
        input_memory: Arc::new(Memory::new(settings.input_memory_bytes)),
        memory_line: MemoryLine::default(),
        rates: Rates::new(settings.rate_limit),
        body_memory: BodyMemory::default(),
        thumbnail_turns: thumbnails::Turns::default(),
        circuits: Circuits::default(),
        meters: Meters::default(),
        flights: runnel_domain::assets::Flights::default(),
        transforms: Transforms::new(cores, environment.transforms_waiting),
        streams: runnel_domain::runs::Streams::default(),
        stopping: CancellationToken::new(),
    }))
}

fn base_url(address: SocketAddr, is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}
