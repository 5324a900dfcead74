#-- # Grading Level Criteria Report
#-- EVALUATORS: [the authors]
#--
#-- ## Compliance Level 5 star
#--   - [ ] Widespread community dependance
#--   - [ ] CI dashboards and testing monitored rigorously
#--   - [X] Key API features are exposed in wrapping interface
#--
#-- ## Compliance Level 4 star
#--   - [X] Meets all ITK code style standards (.clang-format)
#--   - [ ] No external requirements beyond those needed by ITK proper: Google's Highway
#--   - [ ] Builds and passes tests on all supported platforms: Linux with gcc only
#--   - [X] Continuous integration testing performed
#--
#-- ## Compliance Level 3 star
#--   - [ ] API | executable interface is considered mostly stable and feature complete: version 0.1
#--   - [X] 10% C0-code coverage demonstrated for testing suite
#--   - [X] Some tests exist and pass on at least some platform
#--
#-- ## Compliance Level 2 star
#--   - [X] Compiles for at least 1 niche set of execution environments
#--
#-- ## Compliance Level 1 star
#--   - [X] Code compiles on at least 1 platform

# For ITK's folder Modules/Remote; then configure ITK with -DModule_Sinkhorn=ON. The module has no public home yet: say
# where its repository is, for example file:///home/me/ITKSinkhorn.
set(Sinkhorn_GIT_REPOSITORY
    ""
    CACHE STRING "Git repository of ITKSinkhorn.")
set(Sinkhorn_GIT_TAG
    "main"
    CACHE STRING "Commit, tag or branch of ITKSinkhorn.")
mark_as_advanced(Sinkhorn_GIT_REPOSITORY Sinkhorn_GIT_TAG)
itk_fetch_module(
  Sinkhorn
  "Entropic optimal transport for ITK: an image metric for the v4 registration framework
that sees the whole image, after

  J. Feydy, B. Charlier, F.-X. Vialard, G. Peyre
  Optimal Transport for Diffeomorphic Registration
  MICCAI 2017
  https://arxiv.org/abs/1706.05218

Needs Google's Highway library (Debian and Ubuntu: libhwy-dev).
"
  MODULE_COMPLIANCE_LEVEL 2
  GIT_REPOSITORY "${Sinkhorn_GIT_REPOSITORY}"
  GIT_TAG "${Sinkhorn_GIT_TAG}")
