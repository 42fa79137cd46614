//! radiomics
