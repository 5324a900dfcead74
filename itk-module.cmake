get_filename_component(_readme "${CMAKE_CURRENT_LIST_DIR}/README.md" ABSOLUTE)
set(DOCUMENTATION
    "Entropic optimal transport for ITK: an image metric for the v4 registration framework
that sees the whole image, after Feydy, Charlier, Vialard and Peyré, Optimal Transport
for Diffeomorphic Registration (MICCAI 2017). See ${_readme}.")

itk_module(
  Sinkhorn
  DEPENDS
    ITKCommon
    ITKDisplacementField
    ITKFFT
    ITKImageFunction
    ITKImageGradient
    ITKImageGrid
    ITKImageStatistics
    ITKMetricsv4
    ITKOptimizersv4
    ITKRegistrationMethodsv4
    ITKSmoothing
    ITKSpatialObjects
    ITKTransform
  TEST_DEPENDS
    ITKGoogleTest
    ITKIOImageBase
  DESCRIPTION "${DOCUMENTATION}"
  EXCLUDE_FROM_DEFAULT
  ENABLE_SHARED)
