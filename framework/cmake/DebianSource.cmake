# Fetches the source of a third-party package that the distribution's binary package is too old for.
#
#   atelier_source(NAME imgui            # also names FETCHCONTENT_SOURCE_DIR_IMGUI
#                  DEBIAN imgui          # Debian's source package
#                  HAS imgui.h           # a file that proves that the folder is what it should be
#                  VERSION_MIN 1.92      # inclusive
#                  VERSION_BELOW 2       # exclusive
#                  URL https://...       # upstream's archive, where there is no apt
#                  URL_HASH SHA512=...
#                  URL_VERSION 1.92.5
#                  OUT_VAR imgui_dir
#                  OUT_VERSION_VAR imgui_version)
#
# Looked for in this order:
#   1. FETCHCONTENT_SOURCE_DIR_<NAME>: a folder that is already there (CMake's own convention).
#   2. The cache, ATELIER_CACHE, shared by all build folders; from then on no network is needed.
#   3. Debian's source package from a newer suite, through apt: its signature chain is verified with
#      the machine's own keyring, and its mirror, proxy and options are the machine's own. Lists and
#      downloads live in the cache; nothing of the system changes and no root is needed.
#   4. Upstream's archive, verified by its hash.
#
# (ATELIER_APT_ETC stands in for /etc/apt, to try another machine's package sources.)
#
# Two configures at once are safe: one lock file guards the cache, and a source tree appears in it
# by rename, complete or not at all.

include_guard(GLOBAL)

set(_atelier_cache_lock_timeout_s 600) # longer than a first fetch over a slow line
set(_atelier_apt_timeout_s 300)        # one apt-get call; an index is about 11 MB
set(_atelier_suites forky sid)         # the first suites with Dear ImGui 1.92 and cpp-httplib 0.41

if(NOT DEFINED ATELIER_CACHE)
  if(NOT "$ENV{ATELIER_CACHE}" STREQUAL "")
    set(_atelier_cache_default "$ENV{ATELIER_CACHE}")
  elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(_atelier_cache_default "$ENV{XDG_CACHE_HOME}/atelier/sources")
  elseif(NOT "$ENV{HOME}" STREQUAL "")
    set(_atelier_cache_default "$ENV{HOME}/.cache/atelier/sources")
  else()
    set(_atelier_cache_default "${CMAKE_BINARY_DIR}/_sources")
  endif()
  set(ATELIER_CACHE "${_atelier_cache_default}" CACHE PATH "Third-party sources, shared by builds")
endif()

# Prints the deb-src stanza for `suite`, made from the machine's own Debian source: the stanza of
# the running release is preferred, security archives are passed over. Reads both of apt's formats.
# `Trusted` and the like are never carried over: what is not signed is not used.
set(_atelier_stanza_awk [=[
function keep(points, at, key) {
  if (points > best) { best = points; uris = at; signed_by = key }
}
function rate(at, suites, parts) {
  if ((" " parts " ") !~ / main / || at == "" || at ~ /security/) return 0
  return (codename != "" && index(" " suites " ", " " codename " ")) ? 2 : 1
}
function end_stanza() {
  if ((" " f["types"] " ") ~ / deb / && tolower(f["enabled"]) !~ /^(no|false|0)$/)
    keep(rate(f["uris"], f["suites"], f["components"]), f["uris"], f["signed-by"])
  delete f
  field = ""
}
FNR == 1 { end_stanza() }
{ sub(/\r$/, "") }
FILENAME ~ /\.sources$/ {
  if ($0 ~ /^[ \t]*$/) { end_stanza(); next }
  if ($0 ~ /^#/) next
  if ($0 ~ /^[ \t]/) { f[field] = f[field] (field == "signed-by" ? "\n" $0 : " " $0); next }
  field = tolower($0); sub(/:.*/, "", field)
  value = $0; sub(/^[^:]*:[ \t]*/, "", value); sub(/[ \t]+$/, "", value)
  f[field] = value
  next
}
/^[ \t]*deb[ \t]/ {
  line = $0; sub(/#.*/, "", line); sub(/^[ \t]*deb[ \t]+/, "", line)
  key = ""
  if (match(line, /^\[[^]]*\]/)) {
    options = substr(line, 2, RLENGTH - 2); line = substr(line, RLENGTH + 1)
    if (match(options, /signed-by=[^ \t]+/)) key = substr(options, RSTART + 10, RLENGTH - 10)
  }
  words = split(line, w, /[ \t]+/)
  first = (w[1] == "") ? 2 : 1
  parts = ""
  for (i = first + 2; i <= words; i++) parts = parts " " w[i]
  keep(rate(w[first], w[first + 1], parts), w[first], key)
}
END {
  end_stanza()
  if (best == 0) exit 1
  print "Types: deb-src\nURIs: " uris "\nSuites: " suite "\nComponents: main"
  if (signed_by != "") print "Signed-By: " signed_by
}
]=])

# Runs a command quietly; `out_error` is empty on success, else the command's own last words.
function(_atelier_quietly out_error)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C DEBIAN_FRONTEND=noninteractive ${ARGN}
    TIMEOUT ${_atelier_apt_timeout_s}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  set(error "")
  if(NOT result EQUAL 0)
    string(STRIP "${errors}" error)
    if(error STREQUAL "")
      string(STRIP "${output}" error)
    endif()
    string(REGEX REPLACE "\n" "\n      " error "${error}")
    set(error "exit ${result}: ${error}")
    if(error MATCHES "NO_PUBKEY|EXPKEYSIG|EXPSIG|REVKEYSIG|not signed|SHA1 is not|no signing key")
      string(APPEND error "\n      The archive's signature could not be verified with this"
             " machine's keys: update the package debian-archive-keyring (or remove a broken"
             " Signed-By).")
    endif()
  endif()
  set(${out_error} "${error}" PARENT_SCOPE)
endfunction()

# Upstream's part of a Debian version or file name: "imgui_1.92.2b+ds-1.dsc" -> "1.92.2b".
function(_atelier_upstream_version text out_version)
  set(version "")
  if(text MATCHES "_([0-9]+:)?([0-9][0-9.]*[a-z]?)")
    set(version "${CMAKE_MATCH_2}")
  endif()
  set(${out_version} "${version}" PARENT_SCOPE)
endfunction()

# True where `version` lies in [A_VERSION_MIN, A_VERSION_BELOW) of the calling atelier_source().
function(_atelier_version_fits version out_fits)
  set(fits TRUE)
  if(version STREQUAL "" OR version VERSION_LESS "${A_VERSION_MIN}")
    set(fits FALSE)
  elseif(A_VERSION_BELOW AND NOT version VERSION_LESS "${A_VERSION_BELOW}")
    set(fits FALSE)
  endif()
  set(${out_fits} ${fits} PARENT_SCOPE)
endfunction()

# The newest tree in the cache that fits; both results are empty where there is none.
function(_atelier_cache_find out_dir out_version)
  set(best_dir "")
  set(best_version "")
  file(GLOB candidates LIST_DIRECTORIES true "${ATELIER_CACHE}/${A_NAME}_*")
  foreach(candidate IN LISTS candidates)
    get_filename_component(leaf "${candidate}" NAME)
    _atelier_upstream_version("${leaf}" version)
    _atelier_version_fits("${version}" fits)
    if(fits AND EXISTS "${candidate}/${A_HAS}"
       AND (best_version STREQUAL "" OR version VERSION_GREATER best_version))
      set(best_dir "${candidate}")
      set(best_version "${version}")
    endif()
  endforeach()
  set(${out_dir} "${best_dir}" PARENT_SCOPE)
  set(${out_version} "${best_version}" PARENT_SCOPE)
endfunction()

# Moves an unpacked tree into the cache under its version. The caller holds the lock.
function(_atelier_cache_add tree version out_error)
  set(error "")
  _atelier_version_fits("${version}" fits)
  if(NOT fits)
    set(error "has version '${version}', wanted ${A_VERSION_MIN} or later")
  elseif(NOT EXISTS "${tree}/${A_HAS}")
    set(error "has no ${A_HAS}")
  else()
    set(final "${ATELIER_CACHE}/${A_NAME}_${version}")
    file(REMOVE_RECURSE "${final}") # only ever a tree that lacks A_HAS: the search came first
    file(RENAME "${tree}" "${final}" RESULT result)
    if(NOT result EQUAL 0)
      set(error "could not be moved to ${final}: ${result}")
    endif()
  endif()
  set(${out_error} "${error}" PARENT_SCOPE)
endfunction()

# Debian's source package from `suite`, into the cache.
function(_atelier_from_debian suite work out_error)
  set(codename "")
  if(EXISTS /etc/os-release)
    file(STRINGS /etc/os-release line REGEX "^VERSION_CODENAME=")
    string(REGEX REPLACE "^VERSION_CODENAME=\"?([a-z]*).*" "\\1" codename "${line}")
  endif()
  set(etc "${ATELIER_APT_ETC}")
  if(etc STREQUAL "")
    set(etc /etc/apt)
  endif()
  file(GLOB lists "${etc}/sources.list" "${etc}/sources.list.d/*.sources"
       "${etc}/sources.list.d/*.list")
  if(NOT lists)
    set(${out_error} "no package sources in ${etc}" PARENT_SCOPE)
    return()
  endif()
  set(apt_home "${ATELIER_CACHE}/apt-${suite}")
  file(MAKE_DIRECTORY "${apt_home}/parts" "${apt_home}/lists/partial"
       "${apt_home}/cache/archives/partial" "${work}")
  execute_process(
    COMMAND awk -v "suite=${suite}" -v "codename=${codename}" "${_atelier_stanza_awk}" ${lists}
    RESULT_VARIABLE result OUTPUT_FILE "${apt_home}/parts/atelier.sources" ERROR_QUIET)
  if(NOT result EQUAL 0)
    set(${out_error} "no Debian archive among the package sources in ${etc}" PARENT_SCOPE)
    return()
  endif()

  set(options
      -q
      -o Dir::Etc::sourcelist=/dev/null
      -o "Dir::Etc::sourceparts=${apt_home}/parts"
      -o "Dir::State::lists=${apt_home}/lists"
      -o "Dir::Cache=${apt_home}/cache"
      -o APT::Default-Release= # a machine's own choice names a suite that is not in this list
      -o APT::Update::Error-Mode=any
      -o Acquire::Languages=none
      -o Acquire::Retries=2
      -o Acquire::http::Timeout=30
      -o Acquire::https::Timeout=30
      -o Acquire::AllowInsecureRepositories=false
      -o Acquire::AllowWeakRepositories=false
      -o APT::Get::AllowUnauthenticated=false)
  _atelier_quietly(error apt-get ${options} update)
  if(NOT error STREQUAL "")
    set(${out_error} "apt-get update: ${error}" PARENT_SCOPE)
    return()
  endif()
  _atelier_quietly(error ${CMAKE_COMMAND} -E chdir "${work}" apt-get ${options} source --only-source
                   --download-only ${A_DEBIAN})
  if(NOT error STREQUAL "")
    set(${out_error} "apt-get source: ${error}" PARENT_SCOPE)
    return()
  endif()
  file(GLOB dsc "${work}/${A_DEBIAN}_*.dsc")
  _atelier_quietly(error ${CMAKE_COMMAND} -E chdir "${work}" dpkg-source -x "${dsc}" tree)
  if(NOT error STREQUAL "")
    set(${out_error} "dpkg-source: ${error}" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(leaf "${dsc}" NAME)
  _atelier_upstream_version("${leaf}" version)
  _atelier_cache_add("${work}/tree" "${version}" error)
  if(NOT error STREQUAL "")
    set(error "the package ${error}")
  endif()
  set(${out_error} "${error}" PARENT_SCOPE)
endfunction()

# Upstream's archive, into the cache. Nothing of it is unpacked before its hash is right.
function(_atelier_from_url work out_error)
  file(MAKE_DIRECTORY "${work}/unpacked")
  set(archive "${work}/archive")
  file(DOWNLOAD "${A_URL}" "${archive}" STATUS status INACTIVITY_TIMEOUT 30 TLS_VERIFY ON)
  list(GET status 0 code)
  if(NOT code EQUAL 0)
    list(GET status 1 reason)
    set(${out_error} "${reason}" PARENT_SCOPE)
    return()
  endif()
  string(REPLACE "=" ";" expected "${A_URL_HASH}")
  list(GET expected 0 algorithm)
  list(GET expected 1 wanted)
  file(${algorithm} "${archive}" got)
  if(NOT got STREQUAL wanted)
    set(${out_error} "its ${algorithm} is ${got}, expected ${wanted}" PARENT_SCOPE)
    return()
  endif()
  _atelier_quietly(error ${CMAKE_COMMAND} -E chdir "${work}/unpacked" ${CMAKE_COMMAND} -E tar xf
                   "${archive}")
  file(GLOB tree LIST_DIRECTORIES true "${work}/unpacked/*") # the one folder of the archive
  if(error STREQUAL "")
    _atelier_cache_add("${tree}" "${A_URL_VERSION}" error)
  endif()
  set(${out_error} "${error}" PARENT_SCOPE)
endfunction()

# Fills the cache or says, for each way, why it failed. The caller holds the lock.
function(_atelier_fetch out_failures)
  string(RANDOM LENGTH 8 tag)
  set(work "${ATELIER_CACHE}/tmp-${A_NAME}-${tag}")
  set(failures "")
  find_program(ATELIER_APT_GET apt-get)
  find_program(ATELIER_DPKG_SOURCE dpkg-source)
  mark_as_advanced(ATELIER_APT_GET ATELIER_DPKG_SOURCE)
  set(error "nothing was tried")
  if(FETCHCONTENT_FULLY_DISCONNECTED)
    string(APPEND failures "\n  - nothing fetched, FETCHCONTENT_FULLY_DISCONNECTED is set")
  else()
    if(A_DEBIAN AND ATELIER_APT_GET AND ATELIER_DPKG_SOURCE)
      foreach(suite IN LISTS _atelier_suites)
        message(STATUS "${A_NAME}: fetching Debian's source package from ${suite}")
        _atelier_from_debian(${suite} "${work}/${suite}" error)
        if(error STREQUAL "")
          break()
        endif()
        string(APPEND failures
               "\n  - Debian's source package '${A_DEBIAN}' from ${suite}: ${error}")
      endforeach()
    elseif(A_DEBIAN AND ATELIER_APT_GET)
      string(APPEND failures
             "\n  - Debian's source package: dpkg-source is missing (package dpkg-dev)")
    endif()
    if(NOT error STREQUAL "" AND A_URL)
      message(STATUS "${A_NAME}: fetching ${A_URL}")
      _atelier_from_url("${work}/url" error)
      if(NOT error STREQUAL "")
        string(APPEND failures "\n  - ${A_URL}: ${error}")
      endif()
    endif()
  endif()
  file(REMOVE_RECURSE "${work}")
  set(${out_failures} "${failures}" PARENT_SCOPE)
endfunction()

function(atelier_source)
  cmake_parse_arguments(
    A ""
    "NAME;DEBIAN;HAS;VERSION_MIN;VERSION_BELOW;URL;URL_HASH;URL_VERSION;OUT_VAR;OUT_VERSION_VAR" ""
    ${ARGN})
  string(TOUPPER "${A_NAME}" upper)
  set(given "${FETCHCONTENT_SOURCE_DIR_${upper}}")
  if(NOT given STREQUAL "")
    if(NOT EXISTS "${given}/${A_HAS}")
      message(FATAL_ERROR "FETCHCONTENT_SOURCE_DIR_${upper} is ${given}, which has no ${A_HAS}.")
    endif()
    message(STATUS "${A_NAME}: ${given} (given)")
    set(${A_OUT_VAR} "${given}" PARENT_SCOPE)
    set(${A_OUT_VERSION_VAR} "given" PARENT_SCOPE)
    return()
  endif()

  _atelier_cache_find(dir version)
  if(dir STREQUAL "")
    file(MAKE_DIRECTORY "${ATELIER_CACHE}")
    file(LOCK "${ATELIER_CACHE}/lock" GUARD FUNCTION RESULT_VARIABLE locked
         TIMEOUT ${_atelier_cache_lock_timeout_s})
    if(NOT locked EQUAL 0)
      message(FATAL_ERROR "The source cache ${ATELIER_CACHE} cannot be locked: ${locked}. Is it "
                          "writable? Another folder can be set with -DATELIER_CACHE=FOLDER.")
    endif()
    _atelier_cache_find(dir version) # another configure may have filled it meanwhile
    set(failures "")
    if(dir STREQUAL "")
      _atelier_fetch(failures)
      _atelier_cache_find(dir version)
    endif()
    if(dir STREQUAL "")
      message(FATAL_ERROR
        "${A_NAME} ${A_VERSION_MIN} or later is needed and could not be had. Tried:"
        "\n  - the cache ${ATELIER_CACHE}${failures}\n"
        "What to do: run again with a network connection, or unpack its source anywhere and pass "
        "-DFETCHCONTENT_SOURCE_DIR_${upper}=FOLDER (the folder that holds ${A_HAS}).")
    endif()
  endif()
  message(STATUS "${A_NAME}: ${version} (${dir})")
  set(${A_OUT_VAR} "${dir}" PARENT_SCOPE)
  set(${A_OUT_VERSION_VAR} "${version}" PARENT_SCOPE)
endfunction()
