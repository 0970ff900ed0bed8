# `just` lists everything. The work is done by ./bootstrap and by the programs in .local/bin.

set positional-arguments

export PATH := env('PATH') + ":/opt/swift/usr/bin"
buildsrs := ".local/bin/buildsrs"

# Lists the recipes.
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

# Builds what is not there yet; `just build` builds after every change.
[private]
programs:
    @test -x {{ buildsrs }} || ./bootstrap build release

# Builds hexyl and ripgrep through a whole farm, downloads, verifies and runs one (--help: options)
[group('run')]
demo *arguments:
    @./bootstrap demo "$@"

# The same, and leaves the farm running
[group('run')]
up *arguments:
    @./bootstrap demo --keep "$@"

# Stops the farm that `just up` has left running
[group('run')]
down:
    @./bootstrap demo --stop

# The backend: HTTP API and builder gateway
[group('run')]
backend *arguments: programs
    @{{ buildsrs }} backend "$@"

# A builder that takes jobs from a backend
[group('run')]
builder *arguments: programs
    @.local/bin/buildsrs-builder run "$@"

# The registry sync, which reports new versions to a backend
[group('run')]
sync *arguments: programs
    @{{ buildsrs }} registry-sync "$@"

# Starts the private PostgreSQL under .local/postgres
[group('database')]
database: programs
    @{{ buildsrs }} database start

# Stops it
[group('database')]
database-stop: programs
    @{{ buildsrs }} database stop

# Brings the database's schema up to date
[group('database')]
migrate: programs
    @{{ buildsrs }} migrate

# Everything: lint, unit, integration and end-to-end tests (arguments go to `swift test`)
[group('test')]
test *arguments:
    @./bootstrap test "$@"

# The fast tests, which need neither a database nor an engine
[group('test')]
unit *arguments:
    @swift test --disable-xctest --skip IntegrationTests --skip EndToEndTests --skip PostgresTests --skip DatabaseTests "$@"

# Tests on a real PostgreSQL with real processes
[group('test')]
integration *arguments:
    @./bootstrap test --filter IntegrationTests --filter PostgresTests --filter DatabaseTests "$@"

# A real crate through a real farm in real containers
[group('test')]
farm *arguments:
    @./bootstrap test --filter EndToEndTests "$@"

# Real crates with every executor of this machine, twice, as one table (--help: scripts/e2e.py)
[group('test')]
e2e *arguments:
    @./bootstrap e2e "$@"

# The recipes' crates that Debian has the sources of, built by their recipes, as one table
[group('test')]
recipes *arguments:
    @./bootstrap recipes "$@"

# Executor modules against hostile crates, as one table (arguments: MODULE:TARGET …)
[group('test')]
conformance *arguments:
    @./bootstrap conformance "$@"

# Breaks a whole farm at random for minutes, and checks that nothing is lost (--minutes 5 --seed 1)
[group('test')]
faults *arguments:
    @./bootstrap faults "$@"

# Mutated inputs for what reads foreign bytes, guided by coverage (--seconds 60 index crate manifest recipes semver)
[group('test')]
fuzz *arguments:
    @./bootstrap fuzz "$@"

# What a build costs with each executor; `just bench queue`: the queue; `just bench sync`: a registry sync
[group('bench')]
bench *arguments:
    @./bootstrap bench "$@"

# Formatting of the Swift sources, syntax of the scripts
[group('test')]
lint:
    @./bootstrap lint

# Formats the Swift sources
[group('test')]
format:
    @swift format --in-place --recursive Sources Tests Benchmarks Examples targets Package.swift

# Installs what is missing on this machine
[group('set up')]
install:
    @./bootstrap install

# Builds the programs and modules into .local (release or debug)
[group('set up')]
build configuration='release':
    @./bootstrap build "$1"

# Makes a real registry of Debian's packaged crates and serves it
[group('set up')]
registry *arguments:
    @./bootstrap registry
    @scripts/make_registry.py serve --out "${BUILDSRS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/builds.rs}/registry" "$@"

# Makes the images that builds run in
[group('set up')]
images:
    @./bootstrap images

# Makes what builds run in (images, root file systems, toolchains) ahead of the first build
[group('set up')]
environments *arguments: programs
    @./bootstrap environments "$@"

# The Docker engine: start, stop or status
[group('set up')]
engine command='status':
    @./bootstrap engine "$1"
