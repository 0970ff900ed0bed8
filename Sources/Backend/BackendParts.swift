import Database
import Hummingbird
import Logging
import Scheduling

/// The parts of a backend, put together.
struct BackendParts: Sendable {
  let configuration: BackendConfiguration
  let database: FarmDatabase
  let recipes: ActiveRecipes
  /// How the recipes' directories were at the start.
  let files: DirectorySignature
  let logger: Logger
  let origins: Origins
  let wakeUps: WakeUps
  let requirements: RequirementBook
  let desk: ClaimDesk
  let gate = ClaimGate()
  let sessions = SessionBook()
  /// A builder that comes back after each second of an outage may; one that does so all the time may not.
  let connections = RateLimiter(perMinute: 60)
  let failures: Batcher<FinalFailure, EndedFailure?>
  let tidier: AttemptTidier
  let uses = UseCounter()

  init(
    configuration: BackendConfiguration, database: FarmDatabase, book: RecipeBook,
    files: DirectorySignature, logger: Logger
  ) {
    self.configuration = configuration
    self.database = database
    recipes = ActiveRecipes(book, database: database, logger: logger)
    self.files = files
    self.logger = logger
    origins = Origins(configuration.publicURLs)
    requirements = RequirementBook(database: database)
    desk = ClaimDesk(database: database)
    failures = AttemptFinisher.failures(database)
    wakeUps = WakeUps(
      address: configuration.database, requirements: requirements, sessions: sessions,
      logger: logger)
    tidier = AttemptTidier(database: database, storage: configuration.storage, logger: logger)
  }

  var planner: JobPlanner { JobPlanner(database: database, recipes: recipes, logger: logger) }
  var planning: PlanningService { PlanningService(planner: planner) }
  var follower: RecipeFollower {
    RecipeFollower(
      address: configuration.database,
      planner: RevisionPlanner(database: database, recipes: recipes, logger: logger),
      logger: logger)
  }
  var watcher: RecipeWatcher {
    RecipeWatcher(
      configuration: configuration, database: database, recipes: recipes, start: files,
      logger: logger)
  }
  var popularity: PopularityService {
    PopularityService(database: database, uses: uses, logger: logger)
  }
  var reaper: LeaseReaper { LeaseReaper(database: database, tidier: tidier, logger: logger) }

  /// Made for each connection: the origins are known only when the server listens.
  var gateway: Gateway {
    let publisher = Publisher(
      database: database, storage: configuration.storage, signingKey: configuration.signingKey,
      verifyShare: configuration.verifyShare)
    return Gateway(
      database: database, activeRecipes: recipes,
      finisher: AttemptFinisher(
        database: database, publisher: publisher, tidier: tidier, failures: failures,
        logger: logger),
      wakeUps: wakeUps, sessions: sessions, requirements: requirements, desk: desk,
      gate: gate, connections: connections,
      terms: GatewaySession.Terms(
        origins: origins.all, leaseSeconds: database.terms.leaseSeconds,
        heartbeatSeconds: configuration.heartbeatSeconds ?? database.terms.heartbeatSeconds),
      logger: logger)
  }

  /// The whole HTTP API.
  var responder: ProblemResponder<RouterResponder<BackendContext>> {
    let metrics = RequestMetrics()
    let state = APIState(
      configuration: configuration, database: database, storage: configuration.storage,
      activeRecipes: recipes, planner: planner, uses: uses, origins: origins,
      wakeUps: wakeUps, metrics: metrics,
      queueCounts: Recent { [database] in try await database.queueCounts() },
      totals: Recent { [database] in try await database.totals() }, logger: logger)
    let router = Router(context: BackendContext.self, options: .autoGenerateHeadEndpoints)
    HealthRoutes(state: state).add(to: router)
    CrateRoutes(state: state).add(to: router)
    ArtifactRoutes(state: state).add(to: router)
    JobRoutes(state: state, limiter: RateLimiter(perMinute: configuration.requestsPerMinute))
      .add(to: router)
    FarmRoutes(state: state).add(to: router)
    RegistryRoutes(state: state).add(to: router)
    UploadRoutes(state: state).add(to: router)
    router.get("api/v1/builder") { _, _ -> Response in
      throw Problem(
        .upgradeRequired, .invalidRequest, "builders connect here by WebSocket",
        headers: [.upgrade: "websocket"])
    }
    let routes = router.routes.flatMap { route -> [(method: String, path: String)] in
      let path = route.path.description
      return route.method == .get
        ? [("GET", path), ("HEAD", path)] : [(route.method.rawValue, path)]
    }
    return ProblemResponder(
      inner: router.buildResponder(), routes: RouteTable(routes), metrics: metrics)
  }
}
